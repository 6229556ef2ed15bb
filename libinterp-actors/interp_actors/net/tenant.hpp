#pragma once

#include "interp_actors/actor/incarnation.hpp"
#include "interp_actors/actor/keeper.hpp"
#include "interp_actors/net/channel_inlet.hpp"
#include "interp_actors/net/line.hpp"
#include "interp_actors/net/node_messages.hpp"

#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace interp_actors {

/// An interpreter that a node runs for a controller: an ordinary incarnation behind an address of its own, which pulls its
/// messages from here. To pull again says that the last one is done, and to put one back, that it was cut short: so the
/// controller learns of each message what became of it.
///
/// Thread: any. The mutex is never held while something else is called, but for `line::send`, which only queues.
/// Owner: the session, from the start until `on_gone`; its incarnation.
/// Death: when the session ends, the incarnation is stopped, and what it still does is told to nobody.
class tenant final : public shared_queue,
                     public keeper,
                     public timer::client,
                     public std::enable_shared_from_this<tenant> {
public:
  /// `answers` is where its address sends answers: with the number of the call as the message's id.
  tenant(std::shared_ptr<roster> home, std::shared_ptr<line> way, caf::strong_actor_ptr answers,
         const node_start& what);

  /// What its owner does once it is gone, before and after the controller is told. In any thread; must not wait.
  struct last_steps {
    std::function<void()> before;
    std::function<void()> after;
  };

  /// Starts the interpreter with its code.
  void start(const node_start& what, source code, std::vector<std::string> search_path, last_steps at_end);

  /// Ends it instead of starting it.
  void fail(const caf::error& problem, last_steps at_end);

  void call(node_call what);
  void cancel(std::uint64_t number);
  void stop(const caf::error& reason, std::chrono::nanoseconds limit, bool at_once);
  channel_inlet& channels() noexcept { return channels_; }
  /// Takes what the incarnation has answered.
  void answered(std::uint64_t number, const caf::message& content);

  // -- for the mailbox

  void join(mailbox&) override {}
  void part(mailbox&) override {}
  bool pull(mailbox& by, delivery& next) override;
  void leave(mailbox& by) override;
  void put_back(mailbox& by, delivery again) override;

  // -- for the incarnation

  void on_ready(std::uint64_t) override {}
  void on_started(std::uint64_t number) override;
  void on_death(std::uint64_t number, std::shared_ptr<const death_report> report,
                const caf::error& reason) override;
  void on_gone(std::uint64_t number) override;
  void on_snapshot(std::uint64_t number, shared_bytes snapshot) override;
  void on_due(std::uint64_t number) override;

protected:
  /// Tells of messages without an answer that are done: `pull` comes with a GIL held.
  time_point tick(time_point now) override;

private:
  struct waiting_call {
    std::uint64_t number = 0;
    caf::mailbox_element_ptr element;
  };

  struct stop_wish {
    caf::error reason;
    std::chrono::nanoseconds limit;
    bool at_once;
  };

  void fail(const caf::error& problem);
  caf::message content_of(node_call what);
  void tell(node_news what);

  const std::shared_ptr<roster> home_;
  const std::shared_ptr<line> way_;
  const caf::strong_actor_ptr answers_;
  const std::uint64_t child_;
  const std::string name_;
  channel_inlet channels_;

  std::mutex mutex_;
  last_steps at_end_;
  caf::strong_actor_ptr address_;
  std::shared_ptr<mailbox> box_;
  std::shared_ptr<incarnation> inhabitant_;
  std::optional<stop_wish> stop_; // came before the interpreter
  std::deque<waiting_call> waiting_;
  std::uint64_t begun_ = 0;  // the last message that was given away
  std::uint64_t silent_ = 0; // the message without an answer that is being handled
  std::deque<std::uint64_t> done_;
  bool dead_ = false;
  caf::error reason_;
};

} // namespace interp_actors
