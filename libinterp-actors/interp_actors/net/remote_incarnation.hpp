#pragma once

#include "interp_actors/actor/abandonable_thread.hpp"
#include "interp_actors/actor/incarnation.hpp"
#include "interp_actors/actor/resident.hpp"
#include "interp_actors/net/call_codec.hpp"
#include "interp_actors/net/channel_feed.hpp"
#include "interp_actors/net/node_session.hpp"
#include "interp_actors/supervision/node_directory.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <optional>

namespace interp_actors {

class node_hub;

/// One life of an address on a node: takes from the address's mailbox as an incarnation of this process does, and hands each
/// message to an interpreter there, one at a time.
///
/// Its thread waits at one bell for all that can come: messages, answers, news of the node, the loss of the node, a stop. So
/// none of its waits outlasts the session, which is watched; a slot on a node is waited for until the start's deadline.
/// What the node answers before it tells of the death counts; a message without an answer then was cut short by it.
/// A large message may have to wait on its way. What makes it needless meanwhile (its deadline, a cancellation, a stop) takes it
/// back, and does not wait behind it.
/// Thread: `run` its own; `tick` the timer's; `on_answer`, `on_news` and `on_lost` CAF's network's; the other public ones any.
/// Death: when the timer gives it up, the mailbox fences it, and whatever comes later is dropped. When the node is lost, so is
/// what it handled, which is answered with the reason or delivered again. One that has died waits for the end of its teardown on
/// the node, unless it is given up.
class remote_incarnation final : public timer::client,
                                 public resident,
                                 public node_guest,
                                 public std::enable_shared_from_this<remote_incarnation> {
public:
  remote_incarnation(std::shared_ptr<roster> home, node_hub& hub, std::shared_ptr<mailbox> box,
                     std::shared_ptr<const remote_child_parts> parts, std::string name, tenure life);

  /// Starts the thread. Errors: std::system_error.
  void launch();

  /// Ends it at once: what it does counts no more.
  void give_up(const caf::error& reason);

  abandonable_thread& thread() noexcept { return thread_; }

  bool cancel() override;
  void stop(caf::error reason, std::chrono::nanoseconds limit, death_reason as) override;
  void lose(caf::type_id_list types, const std::string& why) override;
  void watch(time_point deadline) override;
  void on_answer(caf::message_id, const caf::message&) override {
  } // it asks nobody in the name of its address
  void on_down(const caf::actor_addr&, const caf::error&) override {}
  void on_exit(const caf::actor_addr&) override {}

  void on_answer(node_answer answer) override;
  void on_news(node_news news) override;
  void on_item_done(const node_item_done& what) override;
  void on_lost(const caf::error& why) override;

protected:
  time_point tick(time_point now) override;

private:
  /// What a message between processes may take besides what is done with it.
  static constexpr std::chrono::seconds way_slack{1};

  struct stop_wish {
    caf::error reason;
    death_reason as;
    time_point when; // until then it has time

    std::chrono::nanoseconds left() const {
      return std::max<std::chrono::nanoseconds>(when - deadline_clock::now(),
                                                std::chrono::nanoseconds::zero());
    }
  };

  /// How it ended, from the node or from here.
  struct ending {
    death_report report;
    caf::error reason;
    std::uint64_t begun = std::numeric_limits<std::uint64_t>::max(); // later messages it has not seen
  };

  /// A receiving end that is to be fed to the node.
  struct claimed_end {
    std::uint64_t number = 0;
    channel_lease lease;
    std::shared_ptr<receiver_slot> from;
  };

  /// Where it is, once it has a slot on a node.
  struct post {
    std::shared_ptr<node_session> session;
    std::uint64_t child = 0;
    bool is_told = false; // what it is to start
  };

  /// The message that is under way.
  struct errand {
    std::uint64_t number = 0; // 0 for none
    activity_number activity = 0;
    bool is_told = false; // the way to the node has it
    bool is_back = false; // it was taken back before the node had it
    std::optional<node_answer> answer;
  };

  void run();
  void start();
  bool load_code();
  std::shared_ptr<node_session> wait_for_slot(time_point until);
  bool move_to(const std::shared_ptr<node_session>& session);
  void move_out(bool has_used_slot);
  node_start describe_start(std::uint64_t child) const;
  caf::error check_size(node_session& session, const node_start& what) const;
  bool is_over() const;
  bool is_stopping() const;
  void live();
  void handle(taken_message taken);
  void send(const taken_message& taken, std::uint64_t number, encoded_call& call,
            std::vector<channel_record> records);
  bool wait_for_answer(errand& done);
  void answer(caf::mailbox_element_ptr request, caf::message content);
  void cut_short(taken_message& taken, const activity_outcome& outcome, bool can_be_repeated,
                 const caf::error& problem);
  void leave();
  void settle(const std::shared_ptr<const death_report>& last);
  void put_back(delivery again, bool shared);
  void wait_gone();
  caf::error claim_all(const channel_bindings& ends, std::vector<channel_record>& records,
                       std::vector<claimed_end>& claimed);
  static void restore(std::vector<claimed_end>& claimed);
  void feed(std::vector<claimed_end> claimed);
  void stop_feeds();
  void end_with(death_reason reason, caf::error why);
  death_report report(death_reason reason, const caf::error& why) const;
  std::string describe_request(const caf::message& content) const;
  void abandon(ladder_step step, death_reason how);
  void tell_death(death_report last, const caf::error& why);
  void tell_gone();
  post where() const;
  caf::timespan patience() const;
  bool take_back(const post& at);
  void send_cancel(activity_number activity);
  void send_stop(const post& at, const caf::error& reason, std::chrono::nanoseconds limit);

  const std::shared_ptr<roster> home_;
  node_hub& hub_;
  const std::shared_ptr<mailbox> box_;
  const std::shared_ptr<const remote_child_parts> parts_;
  const std::string name_;
  const tenure life_;
  const std::shared_ptr<bell> wake_;
  const time_point born_ = deadline_clock::now();
  std::atomic<consumer_number> consumer_{0}; // 0 before the thread starts
  abandonable_thread thread_;
  std::atomic<bool> died_{false};
  std::atomic<bool> lost_a_letter_{false};
  std::atomic<std::uint64_t> served_{0};

  // Its own thread's.
  std::map<std::string, shared_bytes> code_; // by its hash, the source and the modules
  std::string code_hash_;
  std::vector<module_record> modules_;
  std::vector<channel_record> channels_;
  std::vector<claimed_end> claimed_; // for `channels_`, until it has started
  std::string handled_;
  std::optional<delivery> unfinished_;
  bool unfinished_is_shared_ = false;
  bool unfinished_counts_ = false;
  caf::error unfinished_answer_;

  mutable std::mutex mutex_; // nothing else is called with it held
  post post_;
  errand errand_;
  activity_number cancelled_ = 0; // the last one that was
  bool started_ = false;
  bool refused_ = false;
  bool start_is_back_ = false; // it was taken back before the node had it
  bool gone_ = false;
  bool death_is_told_ = false;
  bool gone_waits_ = false; // for that
  bool gone_is_told_ = false;
  std::optional<ending> ending_;
  std::optional<stop_wish> wish_;
  std::map<std::uint64_t, std::shared_ptr<channel_feed>> feeds_;
};

} // namespace interp_actors
