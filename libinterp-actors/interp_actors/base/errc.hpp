#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace interp_actors {

/// Why a request or a spawn failed, or an interpreter ended. As the code of a `caf::error`; the context holds
/// a `python_error` where Python has something to say about it, and else a text.
enum class errc : std::uint8_t {
  /// The handler raised an exception: the context is its `python_error`. Its interpreter lives.
  python_exception = 1,
  /// The code called `sys.exit`: the context holds its code. The interpreter has ended; with code 0 its down
  /// reason is normal.
  exited,
  /// An exception ended the interpreter: one that is no `Exception`, or one in a handler without a reply.
  crashed,
  /// The request was not done within its deadline.
  deadline_exceeded,
  /// The request was cancelled.
  cancelled,
  /// The interpreter could not be stopped in time and was given up; its thread may still hang.
  abandoned,
  /// The interpreter could not be created or its source not be loaded.
  start_failed,
  /// The mailbox holds as many messages or bytes as it may.
  mailbox_full,
  /// The interpreter does not exist any more, or the runtime stops.
  stopped,
  /// No such function, or none that can be called.
  no_such_function,
  /// The channel is closed; the text says why.
  channel_closed,
  /// The channel holds as many messages or bytes as it may, and refuses more.
  channel_full,
  /// The receiving end has another owner now.
  channel_moved,
  /// The message is not what the channel carries, or not what was asked for.
  channel_mismatch,
  /// A handler of an interface returned another type than the interface says, was given what Python cannot
  /// hold, or does not fit the interface at all. The context says what was expected.
  wrong_type,
  /// The supervisor has no child of that name.
  no_such_child,
  /// The supervisor has a child of that name already.
  child_exists,
  /// The child runs or will be restarted, and the operation needs one that is down.
  child_active,
  /// The description of a supervisor or a child makes no sense. The text names the child and the field.
  invalid_spec,
  /// The operation makes no sense with the supervisor's strategy.
  wrong_strategy,
  /// A child ended more often than it is restarted.
  gave_up,
  /// The node was lost: its process ended, or it did not answer within the configured time. The text says which and why.
  node_lost,
  /// There is no such node, or none with a free slot.
  no_node,
  /// The node, or the way to it, refuses: the address, the certificates, the version. The text says what to do.
  refused,
  /// The arguments or the result are larger than one of both sides takes.
  too_large,
};

/// The name of `code`, as in `errc::NAME`.
std::string to_string(errc code);
bool from_string(std::string_view text, errc& code);
bool from_integer(std::uint8_t value, errc& code);

/// For inspection: enumerations travel as their integer.
template <class Inspector>
bool inspect(Inspector& f, errc& x) {
  auto get = [&x] { return static_cast<std::uint8_t>(x); };
  auto set = [&x](std::uint8_t value) { return from_integer(value, x); };
  return f.apply(get, set);
}

} // namespace interp_actors
