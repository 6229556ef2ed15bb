#pragma once

#include "interp_actors/actor/mailbox.hpp"
#include "interp_actors/base/death_report.hpp"
#include "interp_actors/base/errc.hpp"
#include "interp_actors/base/python_error.hpp"

#include <caf/error.hpp>
#include <caf/expected.hpp>
#include <caf/message.hpp>
#include <caf/type_id_list.hpp>

#include <optional>
#include <string>

namespace interp_actors {

/// Returns what Python said about `error`, if anything.
std::optional<python_error> python_error_of(const caf::error& error);

/// Returns `error` as text for people: the traceback where there is one, else code and context.
std::string describe(const caf::error& error);

/// The same in one line: of a Python exception, what the last line of its traceback says.
std::string summary_of(const caf::error& error);

/// The types of a message's parts, as CAF names them: what can be said of a message of any size.
std::string type_names(caf::type_id_list types);

/// The limits as text for people: "64 messages or 4096 bytes".
std::string to_text(const mailbox_limits& limits);

/// An error with a text as its context.
caf::error make_error(errc code, std::string text);

/// An error with a Python exception as its context.
caf::error make_error(errc code, python_error error);

/// What a request is told that was interrupted for `cause`; `where` is the traceback of the interrupted code,
/// if known.
caf::error error_for(interrupt_cause cause, std::optional<python_error> where);

/// What a request is told whose handler ended with its interpreter.
caf::error error_for(const death_report& death);

/// Throws `error` as a C++ exception: `python_exception` where Python raised, else std::runtime_error with
/// its description.
[[noreturn]] void throw_error(const caf::error& error);

/// Returns the value of `result`, or throws its error as `throw_error` does.
template <class T>
T value_or_throw(caf::expected<T> result) {
  if (!result)
    throw_error(result.error());
  if constexpr (!std::is_void_v<T>)
    return std::move(*result);
}

} // namespace interp_actors
