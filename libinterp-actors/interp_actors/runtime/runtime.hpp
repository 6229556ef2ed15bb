#pragma once

#include "interp_actors/actor/caller.hpp"
#include "interp_actors/actor/channel.hpp"
#include "interp_actors/actor/interface.hpp"
#include "interp_actors/actor/roster.hpp"
#include "interp_actors/actor/run.hpp"
#include "interp_actors/actor/settings.hpp"
#include "interp_actors/actor/translate.hpp"
#include "interp_actors/base/source.hpp"
#include "interp_actors/message/types.hpp"
#include "interp_actors/net/node.hpp"
#include "interp_actors/net/node_options.hpp"
#include "interp_actors/runtime/options.hpp"
#include "interp_actors/supervision/actor_child.hpp"
#include "interp_actors/supervision/fleet.hpp"
#include "interp_actors/supervision/python_child.hpp"
#include "interp_actors/supervision/read_spec.hpp"
#include "interp_actors/supervision/supervisor_child.hpp"
#include "interp_actors/supervision/tree.hpp"

#include <caf/actor_cast.hpp>
#include <caf/actor_system.hpp>
#include <caf/expected.hpp>

#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace interp_actors {

class node_host;
class node_hub;

/// CPython and the interpreter actors of a process.
/// Thread: constructed and destroyed on the same one; the rest any.
/// Owner: `run_main`, or the user's main function. The actor system must outlive it. One in a process, once.
class runtime {
public:
  /// Starts CPython, and begins to connect to nodes.
  /// Errors: std::runtime_error with CPython's words, or for certificates that cannot be used; std::logic_error for a second one in
  /// the process.
  explicit runtime(caf::actor_system& system, const runtime_options& options = {});
  runtime(const runtime&) = delete;
  runtime& operator=(const runtime&) = delete;

  /// Calls `stop`, then finalises CPython. After an abandonment it does not: leave the process with `_exit`
  /// then, as `run_main` does, before static objects that the hanging code may use are destroyed.
  ~runtime();

  /// Creates an interpreter, runs `code` in it, and returns its actor once that is done. The actor ends with
  /// its code's end, by an exit message, or when its last handle is gone and its mailbox is empty.
  /// Errors: `errc::start_failed` with the traceback, or CPython's words where it could not be created;
  /// `errc::no_such_function`; `errc::deadline_exceeded` or `errc::abandoned` for code that does not end;
  /// `errc::stopped`.
  caf::expected<interpreter_actor> spawn(source code, spawn_options options = {});

  /// Runs `code` in an interpreter of its own, with nothing but `options.channels` as globals, and returns how
  /// that ended once it has. What the code prints goes where the program's own output goes.
  /// Errors: `python_exception` with `options.reraise`; else in the result.
  run_result run(source code, run_options options = {});
  run_result run(std::string code, run_options options = {}) {
    return run(text(std::move(code), "<run>"), std::move(options));
  }

  /// Makes a channel whose messages are arrays of `T`, a number or a struct of numbers (`element_format`), or
  /// bytes. `shape` gives the lengths of each message along each dimension, where -1 as the first one is any;
  /// none given stands for {-1}.
  /// Errors: std::invalid_argument for a shape that makes no sense.
  template <class T = std::byte>
  channel_ends<T> channel(channel_options options = {}, std::vector<std::ptrdiff_t> shape = {}) {
    return detail::make_typed_channel<T>(system_, roster_->dead_letters, std::move(options),
                                         std::move(shape));
  }

  /// Creates an interpreter behind an interface of the program's own, `Handle`, a `caf::typed_actor` whose signatures
  /// begin with an atom:
  /// `caf::result<double>(score_atom, std::string)` calls `score(text)` of the source, with the arguments as
  /// Python objects, and takes the result back as a double. With `options.class_name` the handlers are methods
  /// of an instance of that class, which is made with `args`. The actor understands the messages of its type
  /// and no others; `cancel_atom` cancels here, too.
  /// Errors: also `errc::wrong_type` for a handler that is missing or does not fit, and for `args` that do
  /// not.
  template <class Handle, class... Args>
  caf::expected<Handle> spawn(source code, spawn_options options = {}, const Args&... args) {
    std::shared_ptr<const typed_start> start;
    try {
      start = detail::make_typed_start<Handle>(args...);
    } catch (const value_error& problem) {
      return make_error(errc::wrong_type,
                        "a constructor cannot be given its arguments: " + std::string{problem.what()});
    }
    auto actor = spawn_typed(std::move(code), std::move(options), std::move(start));
    if (!actor)
      return std::move(actor.error());
    return caf::actor_cast<Handle>(std::move(*actor));
  }

  /// Starts a supervision tree, whose children start one after the other, and returns it once all have. It lives until it is
  /// stopped, gives up, or the runtime stops.
  /// Errors: `errc::invalid_spec` with the child and the field; why the first child failed that did not start, after
  /// those before it were stopped; `errc::stopped`.
  caf::expected<tree> supervise(supervisor_spec spec) { return start_tree(roster_, std::move(spec)); }

  /// The same with what `read_supervisor_spec` has read from a configuration file, whose mistakes are returned.
  caf::expected<tree> supervise(caf::expected<supervisor_spec> spec) {
    if (!spec)
      return std::move(spec.error());
    return supervise(std::move(*spec));
  }

  /// Starts a fleet: `options.size` supervised interpreters behind one handle of the interface `Handle`, the generic one
  /// where none is named, with `args` for the constructor of `options.spawn.class_name`. Returns it once its members have started.
  /// Errors: as those of `supervise` and `spawn`.
  template <class Handle = interpreter_actor, class... Args>
  caf::expected<interp_actors::fleet<Handle>> fleet(fleet_options options, const Args&... args) {
    std::shared_ptr<const typed_start> start;
    if constexpr (!std::is_same_v<Handle, interpreter_actor>) {
      try {
        start = detail::make_typed_start<Handle>(args...);
      } catch (const value_error& problem) {
        return make_error(errc::wrong_type,
                          "a constructor cannot be given its arguments: " + std::string{problem.what()});
      }
    }
    return start_fleet<Handle>(roster_, std::move(options), std::move(start));
  }

  /// Connects to a node, waits for the first try, and connects again from then on whenever it is lost. Children run there that
  /// say so: `.on = node`, `.on = any_node`. A network has to be wanted: see `config::network`.
  /// Errors: `errc::refused` with what is wrong with the address, the certificates or the node, `errc::node_lost` for one that
  /// cannot be reached, `errc::stopped`; it is forgotten then, unless the configuration names it.
  caf::expected<node> connect(const std::string& node);

  /// All nodes, those of the configuration and those that were connected to.
  std::vector<node> nodes() const;

  /// Offers interpreters of this process to controllers, until the runtime stops; returns where. Whoever may connect runs any
  /// code here: see decision 17.
  /// Errors: `errc::refused`, with what is wrong with the address or the certificates.
  caf::expected<serving_node> serve(node_options options);

  /// Interpreters of this process that were given up and hang still, and where as far as it is known. Nodes have their own.
  std::vector<stuck_interpreter> stuck() const { return roster_->stuck(); }

  /// Messages that reached nobody, so far: asynchronous ones that nobody understood or for which a mailbox had no
  /// room, and what channels had to drop.
  std::size_t dead_letters() const noexcept { return roster_->dead_letters->count(); }

  /// Waits until the runtime stops or `request_stop` was called: all that the main function of a server has to do.
  /// Under `run_main`, SIGINT and SIGTERM stop the runtime.
  void wait_for_stop() const { roster_->wait_for_stop(); }

  /// Lets `wait_for_stop` return. What waits there is to stop the runtime; interpreters go on until then.
  void request_stop() { roster_->request_stop(); }

  /// Whether the runtime stops or was asked to.
  bool stop_requested() const { return roster_->stop_requested(); }

  /// Stops trees and fleets, what was started last first, each child within its own limit, C++ children and spares
  /// included; then all other interpreters: those that run something have the shutdown timeout for it. Returns when each has
  /// ended or was given up; later spawns fail.
  /// Errors: std::logic_error in an interpreter's own thread (in what was attached to its end), which it would
  /// wait for.
  void stop();

  /// The system whose actors the interpreters are.
  caf::actor_system& system() const noexcept { return system_; }

  /// How many interpreters there are and were. A copy; others may come and end meanwhile.
  interpreter_counts counts() const { return roster_->counts(); }

private:
  caf::expected<caf::strong_actor_ptr> spawn_typed(source code, spawn_options options,
                                                   std::shared_ptr<const typed_start> typed);

  caf::actor_system& system_;
  std::unique_ptr<python::engine> engine_;
  std::shared_ptr<roster> roster_;
  network_options network_;
  std::shared_ptr<node_hub> hub_;
  std::mutex at_stop_mutex_;
  std::vector<std::shared_ptr<const void>> at_stop_;
};

} // namespace interp_actors
