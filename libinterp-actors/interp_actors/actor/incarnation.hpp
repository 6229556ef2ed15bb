#pragma once

#include "interp_actors/actor/abandonable_thread.hpp"
#include "interp_actors/actor/interface.hpp"
#include "interp_actors/actor/mailbox.hpp"
#include "interp_actors/actor/outbox.hpp"
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

/// One life of an address: a thread with an interpreter that takes messages from the address's mailbox.
///
/// Ends by itself (its code said so), by `stop`, or is abandoned by the timer when its code does not give
/// way, be it a handler, the source, or a finaliser at the very end; then its thread may come back later, finds
/// itself fenced, and ends without a word to anybody.
/// Thread: `run`'s own for all that takes a `gil_held`; `tick` the timer's; the other public ones any.
class incarnation final : public timer::client, public std::enable_shared_from_this<incarnation> {
public:
  /// `typed` is null for the generic interface.
  incarnation(std::shared_ptr<roster> home, std::shared_ptr<mailbox> box, source code, spawn_options options,
              std::shared_ptr<const typed_start> typed = nullptr);

  /// Starts the thread.
  /// Errors: std::system_error.
  void launch();

  /// Waits until the source is loaded; returns an error without a code then, or why it failed.
  caf::error wait_started();

  /// Waits until its interpreter is gone, or lingers or was abandoned.
  void wait_ended();

  /// Calls `f` with what `wait_started` returns, once that is known; in whichever thread.
  void when_started(std::function<void(const caf::error&)> f);

  /// What it has under way with others.
  outbox& out() noexcept { return *out_; }

  /// Ends the address for `reason`: what waits is answered with it, what runs has until `limit` to end by
  /// itself.
  void stop(caf::error reason, std::chrono::nanoseconds limit);

  /// Interrupts the running request; returns whether there was one.
  bool cancel();

  /// The same for one request, which may also wait in the mailbox still.
  void cancel(const caf::actor_control_block* sender, caf::message_id id);

  /// Shortens the lingering to end at `when`.
  void hurry(time_point when);

  /// Makes a dead letter of a message with content of `types`.
  void lose(caf::type_id_list types, const std::string& why);

  /// Arms the timer for a message's deadline.
  void watch(time_point deadline);

  abandonable_thread& thread() noexcept { return thread_; }

protected:
  time_point tick(time_point now) override;

private:
  /// A request that is to be answered, and with what.
  struct reply {
    caf::mailbox_element_ptr request;
    caf::message content;
  };

  void run();
  void live(const python::gil_held& gil, python::interpreter& interpreter);
  mailbox::taken take();
  void start(const python::gil_held& gil, python::interpreter& interpreter,
             mailbox::activity_number activity);
  reply handle(const python::gil_held& gil, python::interpreter& interpreter, mailbox::taken taken);
  caf::message dispatch(const python::gil_held& gil, python::interpreter& interpreter, caf::message& content,
                        bool is_request);
  void implement(const python::gil_held& gil, python::interpreter& interpreter);
  caf::message dispatch_typed(const python::gil_held& gil, python::interpreter& interpreter,
                              const caf::message& content, bool is_request);
  packed_value invoke_typed(const python::gil_held& gil, python::interpreter& interpreter,
                            const std::string& function, const packed_message& arguments, bool is_request);
  void end(const python::gil_held& gil, python::interpreter& interpreter);
  void linger(const python::gil_held& gil, python::interpreter& interpreter);
  void stop_lingering();
  void abandon();
  caf::error claim_all(const std::vector<channel_end>& tickets, std::vector<held_end>& ends);
  caf::error bind(const python::gil_held& gil, python::interpreter& interpreter,
                  const channel_bindings& bindings);
  channel_bindings take_channels();
  void give_up_channels(const caf::error& reason);
  void report_gone();
  void report_started(caf::error problem);
  void take_address_down();
  mailbox::activity_number begin(std::chrono::nanoseconds limit, mailbox::phase of);
  mailbox::activity_number begin_dismissal();
  mailbox::outcome finish(const python::gil_held& gil, mailbox::activity_number activity);

  const std::shared_ptr<roster> home_;
  const std::shared_ptr<mailbox> box_;
  const source code_;
  spawn_options options_; // its channels are gone once they are bound, the rest stays
  const std::shared_ptr<const typed_start> typed_;
  const std::shared_ptr<outbox> out_;
  const python::interpreter_link link_;
  abandonable_thread thread_;
  std::atomic<mailbox::consumer_number> consumer_{0};
  std::atomic<bool> lost_a_letter_{false};
  std::optional<caf::error> ending_; // why its own code ended it
  bool left_behind_ = false;         // the thread ends, its interpreter could not
  std::atomic<bool> address_is_down_{false};
  std::atomic<bool> lingers_{false};
  std::atomic<std::int64_t> interpreter_id_{-1};
  std::atomic<time_point::rep> linger_until_{no_deadline.time_since_epoch().count()};

  std::mutex started_mutex_;
  std::condition_variable started_changed_;
  std::optional<caf::error> started_;
  bool gone_ = false;
  std::function<void(const caf::error&)> start_watcher_;
};

} // namespace interp_actors
