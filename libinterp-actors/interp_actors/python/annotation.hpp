#pragma once

#include "interp_actors/base/type_shape.hpp"
#include "interp_actors/python/object_sink.hpp"

#include <deque>
#include <map>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace interp_actors::python {

/// A handler that does not fit its interface. The text names both.
class interface_mismatch : public std::runtime_error {
public:
  using std::runtime_error::runtime_error;
};

/// The plans of all handlers of an actor.
/// Owner: the handler table, which drops them before the interpreter ends.
class class_plans {
public:
  class_plan& make() { return all_.emplace_back(); }

  /// The plan for a class and a shape, made once; `second` says whether it was made by this call.
  std::pair<class_plan*, bool> of_class(PyObject* type, const type_shape& shape) {
    auto [place, is_new] = known_.try_emplace({type, &shape}, nullptr);
    if (is_new)
      place->second = &make();
    return {place->second, is_new};
  }

  /// Forgets a class that turned out not to fit.
  void forget(PyObject* type, const type_shape& shape) { known_.erase({type, &shape}); }

  /// Leaves everything to an interpreter that is abandoned.
  void abandon() noexcept {
    for (auto& plan : all_)
      plan.made_of.release();
  }

private:
  std::deque<class_plan> all_;
  std::map<std::pair<PyObject*, const type_shape*>, class_plan*> known_; // the plans keep the classes
};

/// What a check found out about a handler.
struct checked_handler {
  /// Names of its parameters, as far as they are known.
  std::vector<std::string> parameters;
  /// Plans for its arguments, null for none.
  std::vector<const class_plan*> plans;
};

/// Checks that `callable` can be called, with `given` arguments, as far as that can be known, and that it is no coroutine
/// and no generator. `name` is for messages, as below; `giving` ends the one about the number: "it is given 1".
/// Errors: `interface_mismatch`.
void check_parameters(const gil_held& gil, PyObject* callable, std::size_t given, const std::string& name,
                      const std::string& giving);

/// Checks that `callable` can handle messages of `signature`: the number of its parameters, and its
/// annotations as far as they are understood; others are taken for right. `name` is for messages: "handler
/// 'score' of 'scorer.py'". Evaluates annotations, which may be texts; imports nothing.
/// Errors: `interface_mismatch`; `raised` where Python raises what is no Exception.
checked_handler check_handler(const gil_held& gil, conversion& values, class_plans& plans, PyObject* callable,
                              const handler_signature& signature, const std::string& name);

} // namespace interp_actors::python
