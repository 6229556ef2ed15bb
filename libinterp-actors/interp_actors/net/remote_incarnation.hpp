#pragma once

#include "interp_actors/actor/abandonable_thread.hpp"
#include "interp_actors/actor/incarnation.hpp"
#include "interp_actors/actor/resident.hpp"
#include "interp_actors/net/call_codec.hpp"
#include "interp_actors/net/channel_feed.hpp"
#include "interp_actors/net/node_session.hpp"
#include "interp_actors/supervision/node_directory.hpp"

#include <atomic>
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
/// Thread: `run` its own; `tick` the timer's; `on_answer`, `on_news` and `on_lost` CAF's network's; the other public ones any.
/// Death: when the timer gives it up, the mailbox fences it, and whatever comes later is dropped. When the node is lost, so is
/// what it handled, which is answered with the reason or delivered again.
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
  struct stop_wish {
    caf::error reason;
    death_reason as;
  };

  /// How it ended, from the node or from here.
  struct ending {
    death_report report;
    caf::error reason;
    std::uint64_t unbegun = 0; // a message that none of its code has seen
  };

  /// A receiving end that is to be fed to the node.
  struct claimed_end {
    std::uint64_t number = 0;
    channel_lease lease;
    std::shared_ptr<receiver_slot> from;
  };

  /// Where it is, once it has been sent to a node.
  struct post {
    std::shared_ptr<node_session> session;
    std::uint64_t child = 0;
    bool is_told = false; // what it is to start
  };

  void run();
  void start();
  bool load_code();
  std::shared_ptr<node_session> wait_for_slot(time_point until);
  node_start describe_start(std::uint64_t child) const;
  bool is_over() const;
  bool is_stopping() const;
  void live();
  void handle(taken_message taken);
  void finish(taken_message& taken, caf::message answer);
  void cut_short(taken_message& taken, const activity_outcome& outcome, bool is_whole,
                 const caf::error& problem);
  void leave();
  void settle(const std::shared_ptr<const death_report>& last);
  void put_back(delivery again, bool shared);
  void wait_gone();
  caf::error claim_all(const channel_bindings& ends, std::vector<channel_record>& records,
                       std::vector<claimed_end>& claimed);
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
  void send_cancel();
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
  std::uint64_t call_ = 0; // the one that is under way
  std::optional<node_answer> answer_;
  bool started_ = false;
  bool refused_ = false;
  bool gone_ = false;
  bool death_is_told_ = false;
  bool gone_waits_ = false; // for that
  bool gone_is_told_ = false;
  std::optional<ending> ending_;
  std::optional<stop_wish> wish_;
  std::map<std::uint64_t, std::shared_ptr<channel_feed>> feeds_;
};

} // namespace interp_actors
