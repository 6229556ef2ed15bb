#pragma once

#include <interp_actors/all.hpp>

#include <stdexcept>
#include <string>
#include <utility>

namespace ia_bench {

/// Returns the value, or throws what went wrong: a bench that measures errors is worth nothing.
template <class T>
T checked(caf::expected<T> answer) {
  if (!answer)
    throw std::runtime_error(ia::describe(answer.error()));
  return std::move(*answer);
}

/// Spawns an interpreter that runs `code`.
inline ia::interpreter_actor spawn(ia::runtime& rt, const std::string& code) {
  return checked(rt.spawn(ia::text(code, "bench.py")));
}

/// Sends a call with CAF's own API; the caller receives the answer.
/// `self` is a `caf::scoped_actor`, `to` whatever understands the message.
template <class Self, class Handle>
auto request_call(Self& self, const Handle& to, const char* function, const ia::shared_bytes& payload) {
  return ia::compat::request(self, to, caf::infinite, ia::call_atom_v, std::string{function}, payload);
}

/// Receives the answer to `request_call`, and checks that it has `size` bytes.
template <class Request>
void receive_answer(Request&& request, std::size_t size) {
  std::forward<Request>(request).receive(
      [size](const ia::shared_bytes& answer) {
        if (answer.size() != size)
          throw std::runtime_error("an echo has another size than the request");
      },
      [](const caf::error& problem) { throw std::runtime_error(ia::describe(problem)); });
}

} // namespace ia_bench
