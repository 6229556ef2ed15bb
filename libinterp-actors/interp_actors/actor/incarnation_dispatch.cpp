#include "interp_actors/actor/channel_address.hpp"
#include "interp_actors/actor/incarnation.hpp"
#include "interp_actors/actor/packing.hpp"
#include "interp_actors/actor/translate.hpp"
#include "interp_actors/message/types.hpp"
#include "interp_actors/python/handler_table.hpp"

#include <caf/sec.hpp>

/// How an incarnation lets a message into Python code, and the result out.
namespace interp_actors {

namespace {

/// Takes an answer of Python code for a message that Python code sent.
class packing final : public python::invocation {
public:
  packing(const packed_message& arguments, bool is_request)
      : arguments_{to_value(arguments)}, is_request_{is_request} {}

  void write_arguments(value_sink& sink) override {
    packed_reader reader{arguments_};
    if (reader.next() != value_kind::tuple)
      throw value_error(reader.describe(), "a tuple of arguments");
    transfer(reader, sink);
  }
  void read_result(value_source& source) override {
    packed_writer writer{result};
    transfer(source, writer);
  }
  bool wants_result() const override { return is_request_; }

  packed_value result;

private:
  const packed_value arguments_;
  const bool is_request_;
};

} // namespace

caf::message incarnation::dispatch(const python::gil_held& gil, python::interpreter& interpreter,
                                   caf::message& content, bool is_request) {
  if (content.match_elements<event_atom, python::event_number>()) {
    auto event = content.get_as<python::event_number>(1);
    if (event == snapshot_event)
      save_now_ = true;
    else
      interpreter.run_event(gil, event);
    return {};
  }
  if (content.match_elements<invoke_atom, std::string, packed_message>()
      || content.match_elements<invoke_atom, std::string, packed_message, caf::timespan>()) {
    auto& function = content.get_as<std::string>(1);
    auto& arguments = content.get_as<packed_message>(2);
    packed_value result;
    if (typed_) {
      result = invoke_typed(gil, interpreter, function, arguments, is_request);
    } else {
      packing call{arguments, is_request};
      interpreter.invoke(gil, function, call);
      result = std::move(call.result);
    }
    return is_request ? caf::make_message(to_message(std::move(result))) : caf::message{};
  }
  if (content.match_elements<remote_call>()) {
    auto& call = content.get_as<remote_call>(0);
    return caf::make_message(answer_remote(gil, interpreter, call, is_request));
  }
  if (typed_)
    return dispatch_typed(gil, interpreter, content, is_request);
  if (content.match_elements<call_atom, std::string, shared_bytes>()
      || content.match_elements<call_atom, std::string, shared_bytes, caf::timespan>()) {
    return caf::make_message(
        interpreter.call(gil, content.get_as<std::string>(1), {&content.get_as<shared_bytes>(2), 1}));
  }
  if (content.match_elements<call_atom, std::string, std::vector<shared_bytes>>()
      || content.match_elements<call_atom, std::string, std::vector<shared_bytes>, caf::timespan>()) {
    return caf::make_message(
        interpreter.call(gil, content.get_as<std::string>(1), content.get_as<std::vector<shared_bytes>>(2)));
  }
  if (content.match_elements<call_atom, std::string, std::vector<channel_end>>()
      || content.match_elements<call_atom, std::string, std::vector<channel_end>, caf::timespan>()) {
    interpreter.check_function(gil, content.get_as<std::string>(1)); // before anything is claimed
    // The message lets go of the ends: only the code keeps them now.
    auto message = std::exchange(content, {});
    std::vector<held_end> ends;
    if (auto problem = claim_all(message.get_as<std::vector<channel_end>>(2), ends))
      return caf::make_message(std::move(problem));
    auto function = message.get_as<std::string>(1);
    message.reset();
    return caf::make_message(interpreter.call(gil, function, std::move(ends)));
  }
  if (content.match_elements<execute_atom, std::string, channel_bindings>()
      || content.match_elements<execute_atom, std::string, channel_bindings, caf::timespan>()) {
    auto message = std::exchange(content, {});
    if (auto problem = bind(gil, interpreter, message.get_as<channel_bindings>(2)))
      return caf::make_message(std::move(problem));
    auto code = message.get_as<std::string>(1);
    message.reset();
    interpreter.execute(gil, code);
    return {};
  }
  if (content.match_elements<execute_atom, std::string>()
      || content.match_elements<execute_atom, std::string, caf::timespan>()) {
    interpreter.execute(gil, content.get_as<std::string>(1));
    return {};
  }
  if (!is_request)
    throw value_error("no message that an interpreter understands");
  return caf::make_message(caf::make_error(caf::sec::unexpected_message));
}

namespace {

/// A message on its way into a handler, and its result on the way back.
class typed_call final : public python::handler_call {
public:
  typed_call(const interface::method& method, const caf::message& content, bool is_request)
      : method_{method}, content_{content}, is_request_{is_request} {}

  void write_argument(std::size_t index, value_sink& sink) override {
    method_.write_argument(content_, index, sink);
  }
  void read_result(value_source& source) override { result = method_.read_result(source); }
  bool wants_result() const override { return is_request_; }

  caf::message result;

private:
  const interface::method& method_;
  const caf::message& content_;
  const bool is_request_;
};

/// The same for one that comes from another process, whose types are not known here.
class handling final : public python::handler_call {
public:
  handling(const packed_message& arguments, const handler_signature& signature, bool is_request)
      : arguments_{to_value(arguments)}, reader_{arguments_}, is_request_{is_request} {
    auto count = reader_.next() == value_kind::tuple ? reader_.begin_tuple() : 0;
    if (count != signature.arguments.size())
      throw value_error(std::to_string(count) + " arguments",
                        std::to_string(signature.arguments.size()) + " of them");
  }

  void write_argument(std::size_t, value_sink& sink) override {
    transfer(reader_, sink);
  } // they come in order
  void read_result(value_source& source) override {
    packed_writer writer{result};
    transfer(source, writer);
  }
  bool wants_result() const override { return is_request_; }

  packed_value result;

private:
  const packed_value arguments_;
  packed_reader reader_;
  const bool is_request_;
};

/// What the constructor of an actor's class is given.
class construction final : public python::handler_call {
public:
  explicit construction(const typed_start& start) : start_{start} {}

  void write_argument(std::size_t index, value_sink& sink) override {
    packed_reader reader{start_.arguments[index]};
    transfer(reader, sink);
  }
  void read_result(value_source&) override {}
  bool wants_result() const override { return false; }

private:
  const typed_start& start_;
};

} // namespace

packed_message incarnation::answer_remote(const python::gil_held& gil, python::interpreter& interpreter,
                                          const remote_call& call, bool is_request) {
  packed_message answer;
  switch (call.what) {
  case remote_call::kind::call:
    answer.payloads.push_back(interpreter.call(gil, call.function, call.arguments.payloads));
    break;
  case remote_call::kind::execute:
    interpreter.execute(gil, call.function);
    break;
  case remote_call::kind::invoke: {
    packing arguments{call.arguments, is_request};
    interpreter.invoke(gil, call.function, arguments);
    answer = to_message(std::move(arguments.result));
    break;
  }
  case remote_call::kind::handle: {
    if (!typed_ || call.handler >= typed_->type->methods.size())
      throw python::no_such_function("no handler " + std::to_string(call.handler));
    handling arguments{call.arguments, typed_->type->methods[call.handler].signature, is_request};
    interpreter.call_handler(gil, call.handler, arguments);
    answer = to_message(std::move(arguments.result));
    break;
  }
  }
  return answer;
}

void incarnation::implement(const python::gil_held& gil, python::interpreter& interpreter) {
  python::implementation what;
  for (auto& method : typed_->type->methods)
    what.handlers.push_back(&method.signature);
  handler_signature constructor{"__init__", typed_->shapes, nullptr};
  construction arguments{*typed_};
  what.class_name = options_.class_name;
  what.constructor = &constructor;
  what.construction = &arguments;
  what.source_name = code_.name;
  interpreter.implement(gil, what);
}

packed_value incarnation::invoke_typed(const python::gil_held& gil, python::interpreter& interpreter,
                                       const std::string& function, const packed_message& arguments,
                                       bool is_request) {
  auto packed = to_value(arguments);
  packed_reader reader{packed};
  const interface::method* method = nullptr;
  caf::message content;
  try {
    std::tie(method, content) = typed_->type->read(function, reader);
  } catch (const value_error& problem) {
    throw python::wrong_argument("'" + function + "' was to be given " + problem.what());
  }
  if (!method)
    throw python::no_such_function("no function '" + function + "' in " + typed_->type->name);
  auto answer = dispatch_typed(gil, interpreter, content, is_request);
  packed_value result;
  if (is_request) {
    packed_writer writer{result};
    try {
      method->write_result(answer, writer);
    } catch (const value_error& problem) {
      throw python::wrong_result("'" + function + "' returned " + problem.what());
    }
  }
  return result;
}

caf::message incarnation::dispatch_typed(const python::gil_held& gil, python::interpreter& interpreter,
                                         const caf::message& content, bool is_request) {
  auto* method = typed_->type->find(content);
  if (!method && !is_request)
    throw value_error("no message of " + typed_->type->name);
  if (!method)
    return caf::make_message(caf::make_error(caf::sec::unexpected_message));
  typed_call call{*method, content, is_request};
  interpreter.call_handler(gil, static_cast<std::size_t>(method - typed_->type->methods.data()), call);
  return std::move(call.result);
}

caf::error incarnation::claim_all(const std::vector<channel_end>& tickets, std::vector<held_end>& ends) {
  for (auto& ticket : tickets) {
    held_end end;
    if (auto problem = claim(home_->system, ticket, end)) {
      for (std::size_t i = 0; i < ends.size(); ++i)
        if (auto* lease = std::get_if<channel_lease>(&ends[i]))
          tickets[i].receiver()->restore(std::move(*lease));
      return problem;
    }
    ends.push_back(std::move(end));
  }
  return {};
}

caf::error incarnation::bind(const python::gil_held& gil, python::interpreter& interpreter,
                             const channel_bindings& bindings) {
  std::vector<channel_end> tickets;
  for (auto& [name, ticket] : bindings) {
    interpreter.check_name(gil, name); // before anything is claimed
    tickets.push_back(ticket);
  }
  std::vector<held_end> ends;
  if (auto problem = claim_all(tickets, ends))
    return problem;
  for (std::size_t i = 0; i < ends.size(); ++i)
    interpreter.bind(gil, bindings[i].first, std::move(ends[i]));
  return {};
}

} // namespace interp_actors
