#pragma once

#include "interp_actors/actor/abandonable_thread.hpp"
#include "interp_actors/actor/interface.hpp"
#include "interp_actors/actor/keeper.hpp"
#include "interp_actors/actor/mailbox.hpp"
#include "interp_actors/actor/outbox.hpp"
#include "interp_actors/actor/resident.hpp"
#include "interp_actors/actor/roster.hpp"
#include "interp_actors/actor/settings.hpp"
#include "interp_actors/base/source.hpp"
#include "interp_actors/python/interpreter.hpp"

#include <caf/error.hpp>
#include <caf/message.hpp>

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>

namespace interp_actors {

/// What a supervisor gives an incarnation on its way.
struct tenure {
  /// Who looks after the address; null where the address ends with its only incarnation.
  std::shared_ptr<keeper> by;
  heritage from;
  succession_options options;
  /// What its code is told of its own address, where others know it under another one: that of its controller, on a node.
  caf::strong_actor_ptr known_as = nullptr;
  /// What comes in front of `sys.path`.
  std::vector<std::string> search_path = {};
};

/// One life of an address: a thread with an interpreter that takes messages from the address's mailbox.
///
/// Ends by itself (its code said so), by `stop`, or is abandoned by the timer when its code does not give
/// way, be it a handler, the source, or a finaliser at the very end; then its thread may come back later, finds
/// itself fenced, and ends without a word to anybody.
///
/// One that has a keeper leaves the address to a successor instead of ending it: it gives up the mailbox before it winds
/// down, and what its teardown may take is counted at a mailbox of its own, the *lobby*. A spare begins there, too. One that
/// is abandoned may be at its end before its death is told: whoever tells of that tells of the end, too.
/// Thread: `run`'s own for all that takes a `gil_held`; `tick` the timer's; the other public ones any.
class incarnation final : public timer::client,
                          public resident,
                          public std::enable_shared_from_this<incarnation> {
public:
  /// `typed` is null for the generic interface. Without a `box` it is a spare, which needs a keeper.
  incarnation(std::shared_ptr<roster> home, std::shared_ptr<mailbox> box, source code, spawn_options options,
              std::shared_ptr<const typed_start> typed = nullptr, tenure life = {});

  /// Starts the thread.
  /// Errors: std::system_error.
  void launch();

  /// Lets a spare go on as the next incarnation of the address of `box`. To be called once, after `on_ready`.
  void take_over(std::shared_ptr<mailbox> box, heritage from);

  /// Waits until the source is loaded; returns an error without a code then, or why it failed.
  caf::error wait_started();

  /// Waits until its interpreter is gone, or lingers or was abandoned.
  void wait_ended();

  /// Calls `f` with what `wait_started` returns, once that is known; in whichever thread.
  void when_started(std::function<void(const caf::error&)> f);

  /// What it has under way with others.
  outbox& out() noexcept { return *out_; }

  /// Ends the address for `reason`: what waits is answered with it, what runs has until `limit` to end by
  /// itself. `as` is what the death is called in its report.
  void stop(caf::error reason, std::chrono::nanoseconds limit,
            death_reason as = death_reason::shutdown) override;

  /// Stops it at once: what runs is interrupted and abandoned. For one with a keeper.
  void give_up(const caf::error& reason);

  /// What is to be said of it once it has been abandoned.
  stuck_interpreter describe_stuck(std::chrono::system_clock::time_point since) const;

  bool cancel() override;

  /// The same for one request, which may also wait in the mailbox still.
  void cancel(const caf::actor_control_block* sender, caf::message_id id);

  /// Shortens the lingering to end at `when`.
  void hurry(time_point when);

  void lose(caf::type_id_list types, const std::string& why) override;
  void watch(time_point deadline) override;

  void on_answer(caf::message_id id, const caf::message& content) override { out_->on_answer(id, content); }
  void on_down(const caf::actor_addr& source, const caf::error& reason) override {
    out_->on_down(source, reason);
  }
  void on_exit(const caf::actor_addr& source) override { out_->on_exit(source); }

  abandonable_thread& thread() noexcept { return thread_; }

protected:
  time_point tick(time_point now) override;

private:
  /// A request that is to be answered, and with what.
  struct reply {
    caf::mailbox_element_ptr request;
    caf::message content;
  };

  /// What stands for a snapshot that is due, among the events of Python code, which begin at 1.
  static constexpr python::event_number snapshot_event = 0;

  /// Where it takes messages, or has its deadlines counted.
  struct post {
    std::shared_ptr<mailbox> box;
    consumer_number consumer = 0;
  };

  struct stop_wish {
    caf::error reason;
    time_point when;
    death_reason as;
  };

  struct inheritance {
    std::shared_ptr<mailbox> box;
    heritage from;
  };

  post where() const;
  mailbox& box() const noexcept { return *post_.box; } // for its own thread
  void move_to(post next);
  void run();
  void live(const python::gil_held& gil, python::interpreter& interpreter);
  mailbox::taken take();
  void start(const python::gil_held& gil, python::interpreter& interpreter,
             mailbox::activity_number activity);
  bool try_to_start(const python::gil_held& gil, activity_number activity, const std::function<void()>& f);
  void load(const python::gil_held& gil, python::interpreter& interpreter, bool with_channels);
  void inherit(const python::gil_held& gil, python::interpreter& interpreter, bool with_channels);
  bool wait_to_take_over();
  time_point look_after(const post& at, time_point now);
  void note_served();
  void save(const python::gil_held& gil, python::interpreter& interpreter);
  reply handle(const python::gil_held& gil, python::interpreter& interpreter, mailbox::taken taken);
  caf::message dispatch(const python::gil_held& gil, python::interpreter& interpreter, caf::message& content,
                        bool is_request);
  void implement(const python::gil_held& gil, python::interpreter& interpreter);
  caf::message dispatch_typed(const python::gil_held& gil, python::interpreter& interpreter,
                              const caf::message& content, bool is_request);
  packed_message answer_remote(const python::gil_held& gil, python::interpreter& interpreter,
                               const remote_call& call, bool is_request);
  packed_value invoke_typed(const python::gil_held& gil, python::interpreter& interpreter,
                            const std::string& function, const packed_message& arguments, bool is_request);
  void end(const python::gil_held& gil, python::interpreter& interpreter);
  void linger(const python::gil_held& gil, python::interpreter& interpreter);
  void stop_lingering();
  void abandon(mailbox::ladder_step step, death_reason how, const std::string& why);
  death_report report(death_reason reason, const caf::error& why) const;
  std::string describe_request(caf::type_id_list types, const caf::message& content) const;
  death_reason why_it_ends() const;
  caf::error last_words() const;
  bool keep_unfinished(mailbox::taken& taken, caf::type_id_list types, bool makes_room, bool is_done,
                       const caf::error& problem);
  bool leave(death_report last, const caf::error& why);
  void put_back(mailbox& box, delivery again, bool shared);
  void settle(mailbox& box, const std::shared_ptr<const death_report>& last);
  void tell_death(std::shared_ptr<const death_report> last, const caf::error& why);
  void tell_death(death_report last, const caf::error& why);
  void tell_gone();
  void tell_settled();
  void tell_due();
  caf::error claim_all(const std::vector<channel_end>& tickets, std::vector<held_end>& ends);
  caf::error bind(const python::gil_held& gil, python::interpreter& interpreter,
                  const channel_bindings& bindings);
  channel_bindings take_channels();
  void give_up_channels(const caf::error& reason);
  void report_gone();
  void report_started(caf::error problem);
  void take_address_down(int references);
  mailbox::activity_number begin(std::chrono::nanoseconds limit, mailbox::phase of);
  mailbox::activity_number begin_dismissal();
  mailbox::outcome finish(const python::gil_held& gil, mailbox::activity_number activity);

  const std::shared_ptr<roster> home_;
  const source code_;
  spawn_options options_; // its channels are gone once they are bound, the rest stays
  const std::shared_ptr<const typed_start> typed_;
  tenure life_;                          // what it inherits is its own thread's
  const std::shared_ptr<bell> wake_;     // for all its waits
  const std::shared_ptr<mailbox> lobby_; // null without a keeper
  const std::shared_ptr<outbox> out_;
  const python::interpreter_link link_;
  abandonable_thread thread_;
  std::atomic<bool> lost_a_letter_{false};
  std::optional<caf::error> ending_; // why its own code ended it
  bool left_behind_ = false;         // the thread ends, its interpreter could not
  std::atomic<bool> address_is_down_{false};
  std::atomic<bool> lingers_{false};
  std::atomic<bool> died_{false};
  std::atomic<std::int64_t> interpreter_id_{-1};
  std::atomic<time_point::rep> linger_until_{no_deadline.time_since_epoch().count()};
  std::atomic<time_point::rep> save_at_{no_deadline.time_since_epoch().count()};
  std::atomic<time_point::rep> due_at_{no_deadline.time_since_epoch().count()};

  const time_point born_ = deadline_clock::now();
  std::atomic<std::uint64_t> number_;
  std::atomic<std::uint64_t> served_{0};
  std::uint64_t unsaved_ = 0;
  bool save_now_ = false;
  bool has_started_ = false;
  bool has_settled_ = false;
  std::atomic<bool> due_is_told_{false}; // or is about to be
  bool is_due_ = false;                  // and nobody has been told
  std::string handled_;                  // what it died of, as text
  std::optional<delivery> unfinished_;
  bool unfinished_is_shared_ = false;
  bool unfinished_counts_ = false;
  caf::error unfinished_answer_;

  // What the keeper has been told; its own thread may be at its end while the timer tells of its death.
  std::mutex told_mutex_;
  bool death_is_told_ = false;
  bool gone_waits_ = false; // until that is
  bool gone_is_told_ = false;

  // Written by its own thread alone, which reads `post_` without the mutex.
  mutable std::mutex post_mutex_;
  post post_;
  std::optional<stop_wish> stop_wish_;
  std::optional<inheritance> inheritance_; // of a spare

  std::mutex started_mutex_;
  std::condition_variable started_changed_;
  std::optional<caf::error> started_;
  bool gone_ = false;
  std::function<void(const caf::error&)> start_watcher_;
};

} // namespace interp_actors
