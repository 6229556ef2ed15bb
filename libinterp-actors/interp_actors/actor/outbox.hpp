#pragma once

#include "interp_actors/actor/interface.hpp"
#include "interp_actors/actor/keeper.hpp"
#include "interp_actors/actor/mailbox.hpp"
#include "interp_actors/actor/roster.hpp"
#include "interp_actors/actor/timer.hpp"
#include "interp_actors/python/module/host.hpp"

#include <caf/actor_addr.hpp>

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <unordered_map>
#include <vector>

namespace interp_actors {

class incarnation;

/// Asks `whom` to end for `reason`, in the name of `source`.
void send_exit(const caf::strong_actor_ptr& whom, caf::actor_addr source, caf::error reason);

/// The answer without a value.
std::unique_ptr<const python::reply> make_empty_reply();

/// What an incarnation has under way with other actors: requests, timers, monitors, links, children. Requests
/// go out in the name of the address, where the answers arrive, too.
/// Thread: any; `handling` and `sender` the incarnation's own.
/// Owner: the incarnation, and answers that are to come.
class outbox final : public python::host, public timer::client {
public:
  /// `from` is what the incarnation inherits; `box` is not that of an address where it is a spare, which sends nothing that
  /// wants an answer before it takes over.
  /// The code is told that its own address is `known_as`, unless that is null.
  outbox(std::shared_ptr<roster> home, std::shared_ptr<mailbox> box, std::string name, const heritage& from,
         caf::strong_actor_ptr known_as = nullptr);

  // -- for the incarnation
  // ----------------------------------------------------------------------------------------

  /// Names the sender of the message that is being handled; null for none. Borrowed until the next call.
  void handling(caf::actor_control_block* sender) noexcept { sender_ = sender; }

  /// The spare takes over the address of `box`, and what `from` says.
  /// Thread: the incarnation's own, once.
  void take_over(std::shared_ptr<mailbox> box, const heritage& from);

  /// The interpreter stops: all that is under way fails for `why`, and so does all that comes.
  void close(const caf::error& why);

  /// Takes back what the address was given in this incarnation's name, its monitors and links, so that the next one finds
  /// none. To be called after `close` and before that one begins.
  void withdraw();

  /// The interpreter has ended for `why`: so do its children, and those that it has created.
  void end(const caf::error& why);

  // -- for what the module gets
  // ------------------------------------------------------------------------------------

  /// In whose name requests go out.
  caf::actor_control_block* own_address() const noexcept { return box().address(); }

  /// As `ask` below; `method` is null for what answers with a packed value or with nothing.
  std::shared_ptr<python::awaited> ask(const caf::strong_actor_ptr& to, caf::message content,
                                       const interface::method* method, time_point until);

  // -- for the address
  // --------------------------------------------------------------------------------------------

  void on_answer(caf::message_id id, const caf::message& content);
  void on_down(const caf::actor_addr& source, const caf::error& reason);
  void on_exit(const caf::actor_addr& source);

  // -- for the module
  // ---------------------------------------------------------------------------------------------

  actor_reference_ptr self() const override;
  const std::string& name() const override { return name_; }
  actor_reference_ptr sender() const override;
  std::shared_ptr<const death_report> previous_death() const override;
  std::chrono::nanoseconds call_timeout() const override { return home_->settings.call_timeout; }
  bool may_know(const actor_reference_ptr& to, std::string_view function) const override;
  letter_ptr write(const actor_reference_ptr& to, std::string_view function,
                   value_source& arguments) const override;
  std::shared_ptr<python::awaited> ask(letter_ptr what, time_point until) override;
  void forget(const python::awaited& what) override;
  void send(letter_ptr what) override;
  python::event_number send_after(std::chrono::nanoseconds delay, letter_ptr what) override;
  bool cancel_timer(python::event_number timer) override;
  python::event_number new_event() override { return ++last_event_; }
  void post(python::event_number event) override;
  void monitor(const actor_reference_ptr& whom, python::event_number event) override;
  void demonitor(python::event_number event) override;
  error_value take_reason(python::event_number event) override;
  void link(const actor_reference_ptr& whom) override;
  void unlink(const actor_reference_ptr& whom) override;
  void exit(const actor_reference_ptr& whom, const error_value& reason) override;
  void kill(const actor_reference_ptr& whom) override;
  birth spawn(source code, std::string name, std::chrono::nanoseconds limit) override;
  void adopt(const actor_reference_ptr& child) override;
  std::shared_ptr<interpreter> create(std::string name) override;
  std::pair<sending_end, channel_lease> make_channel(channel_options options,
                                                     std::optional<buffer_format> element) override;

protected:
  time_point tick(time_point now) override;

private:
  struct message;

  /// What is due at some time: the end of a request's patience, or a message.
  using due_map = std::multimap<time_point, std::uint64_t>;

  struct request {
    std::shared_ptr<python::awaited> answer;
    const interface::method* method = nullptr; // null for a packed one
    std::optional<due_map::iterator> due;
  };

  struct timed {
    letter_ptr what;
    due_map::iterator due;
  };

  mailbox& box() const noexcept { return *box_.load(std::memory_order_acquire); }
  /// As the source of exit messages; nobody for a spare.
  caf::actor_addr own_name() const;
  std::string why_nobody() const;
  void arm(time_point when);
  /// Unlinks a child that is told to end, so that it does not take this interpreter along.
  void let_end(const actor_reference_ptr& whom);
  std::optional<request> take_request(std::uint64_t number);
  void deliver(const caf::strong_actor_ptr& to, caf::message content, caf::message_id id);

  const std::shared_ptr<roster> home_;
  const std::shared_ptr<mailbox> first_box_;
  std::shared_ptr<mailbox> second_box_; // of a spare that has taken over
  std::atomic<mailbox*> box_;
  const std::string name_;
  const caf::strong_actor_ptr known_as_;
  caf::actor_control_block* sender_ = nullptr;
  std::atomic<python::event_number> last_event_; // none is used twice, either

  std::mutex watching_; // one monitor or link at a time is set or withdrawn; never taken by what others send
  mutable std::mutex mutex_;
  std::uint64_t last_request_; // none is used twice in the name of one address
  std::shared_ptr<const death_report> previous_death_;
  std::set<caf::actor_addr> links_; // that the code has asked for, where the address outlives it
  std::unordered_map<std::uint64_t, request> requests_;
  std::unordered_map<std::uint64_t, timed> timed_;
  due_map due_requests_;
  due_map due_messages_;
  std::map<caf::actor_addr, std::vector<python::event_number>> monitors_;
  std::unordered_map<python::event_number, error_value> reasons_;
  std::set<caf::actor_addr> children_;
  std::vector<std::weak_ptr<incarnation>> created_; // by `create`, which forgets those that have gone
  std::vector<std::weak_ptr<python::awaited>> births_;
  std::optional<error_value> closed_;
};

} // namespace interp_actors
