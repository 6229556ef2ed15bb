#pragma once

#include "interp_actors/actor/read_value.hpp"
#include "interp_actors/actor/shape_of.hpp"
#include "interp_actors/actor/write_value.hpp"
#include "interp_actors/base/packed_value.hpp"

#include <caf/actor_system.hpp>
#include <caf/message.hpp>
#include <caf/result.hpp>
#include <caf/type_id_list.hpp>

#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace interp_actors {

/// The interface of a typed actor as data: what code needs that does not know its C++ types. A plain value,
/// made once for each type.
class interface {
public:
  /// One signature: its leading atom is the handler's name.
  struct method {
    handler_signature signature;
    caf::type_id_list types = caf::make_type_id_list<>(); // with the atom
    /// Gives argument `index` of a message to a sink.
    void (*write_argument)(const caf::message& content, std::size_t index, value_sink& sink) = nullptr;
    /// Takes all arguments, a tuple, and returns the message, with the atom.
    caf::message (*read_arguments)(value_source& source) = nullptr;
    /// The result, the other way: several results are a tuple, none is nil.
    void (*write_result)(const caf::message& content, value_sink& sink) = nullptr;
    caf::message (*read_result)(value_source& source) = nullptr;
    caf::type_id_list result_types = caf::make_type_id_list<>(); // of an answer
  };

  /// For signatures that lead to one handler, the first one.
  const method* find(const caf::message& content) const noexcept;
  const method* find(std::string_view name) const noexcept;

  /// Takes the arguments of a message, a tuple, for the first signature called `name` that they fit; null where
  /// none is called so.
  /// Errors: `value_error` where none fits.
  std::pair<const method*, caf::message> read(std::string_view name, value_source& arguments) const;

  std::vector<method> methods;
  /// As CAF names the type.
  std::string name;
  /// The name of the handler for messages that begin with the atom `id`, or an empty text.
  std::string_view handler_of(caf::type_id_t id) const noexcept;
  /// What CAF says that actors of this type understand.
  std::set<std::string> (*messages)(const caf::actor_system& system) = nullptr;
};

/// The interface of `Handle`, a typed actor whose signatures begin with an atom and carry what CAF can
/// inspect.
template <class Handle>
const interface& interface_of();

namespace detail {

/// The handler's name for an atom: "ns::score_atom" calls `score`.
std::string handler_name(std::string_view atom);

template <class Sig>
struct method_of;

template <class... Results, class Atom, class... Arguments>
struct method_of<caf::result<Results...>(Atom, Arguments...)> {
  static_assert(std::is_empty_v<Atom> && caf::has_type_id_v<Atom>,
                "each signature of an interface begins with an atom, which names the handler");

  using results = std::tuple<Results...>;
  static constexpr bool has_one_result = sizeof...(Results) == 1;
  static constexpr auto argument_places = std::index_sequence_for<Arguments...>{};

  static const type_shape& result_shape() {
    if constexpr (sizeof...(Results) == 0)
      return shape_of<caf::unit_t>();
    else if constexpr (has_one_result && std::is_void_v<std::tuple_element_t<0, results>>)
      return shape_of<caf::unit_t>();
    else if constexpr (has_one_result)
      return shape_of<std::tuple_element_t<0, results>>();
    else
      return shape_of<results>();
  }

  template <std::size_t... Is>
  static void write_one(const caf::message& content, std::size_t index, value_sink& sink,
                        std::index_sequence<Is...>) {
    (void)((Is == index && (write_value(sink, content.get_as<Arguments>(Is + 1)), true)) || ...);
  }
  static void write_argument([[maybe_unused]] const caf::message& content, std::size_t index,
                             value_sink& sink) {
    write_one(content, index, sink, argument_places);
  }

  static caf::message read_arguments(value_source& source) {
    return std::apply([](auto&&... parts) { return caf::make_message(Atom{}, std::move(parts)...); },
                      read_value<std::tuple<Arguments...>>(source));
  }

  static constexpr bool returns_nothing() {
    if constexpr (has_one_result) // CAF sends nothing for a unit, either
      return std::is_void_v<std::tuple_element_t<0, results>>
             || std::is_same_v<std::tuple_element_t<0, results>, caf::unit_t>;
    else
      return sizeof...(Results) == 0;
  }

  static caf::type_id_list result_types() {
    if constexpr (returns_nothing())
      return caf::make_type_id_list<>();
    else
      return caf::make_type_id_list<Results...>();
  }

  template <std::size_t... Is>
  static void write_all(const caf::message& content, value_sink& sink, std::index_sequence<Is...>) {
    sink.begin_tuple(sizeof...(Is));
    (write_value(sink, content.get_as<std::tuple_element_t<Is, results>>(Is)), ...);
    sink.end();
  }
  static void write_result(const caf::message& content, value_sink& sink) {
    if constexpr (returns_nothing())
      sink.nil();
    else if constexpr (has_one_result)
      write_value(sink, content.get_as<std::tuple_element_t<0, results>>(0));
    else
      write_all(content, sink, std::index_sequence_for<Results...>{});
  }

  static caf::message read_result(value_source& source) {
    if constexpr (returns_nothing()) {
      source.nil();
      return {};
    } else if constexpr (has_one_result) {
      return caf::make_message(read_value<std::tuple_element_t<0, results>>(source));
    } else {
      return std::apply([](auto&&... parts) { return caf::make_message(std::move(parts)...); },
                        read_value<results>(source));
    }
  }

  static interface::method make() {
    return {.signature = {handler_name(type_name<Atom>()), {&shape_of<Arguments>...}, &result_shape},
            .types = caf::make_type_id_list<Atom, Arguments...>(),
            .write_argument = &write_argument,
            .read_arguments = &read_arguments,
            .write_result = &write_result,
            .read_result = &read_result,
            .result_types = result_types()};
  }
};

template <template <class...> class List, class... Sigs>
std::vector<interface::method> methods_of(const List<Sigs...>*) {
  return {method_of<Sigs>::make()...};
}

template <class Handle>
interface make_interface() {
  static_assert(caf::is_typed_actor<Handle>::value, "an interface is a caf::typed_actor");
  interface result;
  result.methods = methods_of(static_cast<const typename Handle::signatures*>(nullptr));
  auto name = type_name<Handle>();
  result.name = name.empty() ? "caf::typed_actor<...>" : std::string{name};
  result.messages = [](const caf::actor_system& system) { return system.message_types<Handle>(); };
  return result;
}

} // namespace detail

template <class Handle>
const interface& interface_of() {
  static const interface result = detail::make_interface<Handle>();
  return result;
}

/// What an interpreter actor implements, and how it starts.
struct typed_start {
  const interface* type = nullptr;
  /// What the constructor of the class is given.
  std::vector<shape_ref> shapes;
  std::vector<packed_value> arguments;
};

namespace detail {

/// Packs what a constructor is to be given.
/// Errors: `value_error` that names the argument.
template <class... Args>
void pack_arguments(typed_start& start, const Args&... args) {
  [[maybe_unused]] auto pack = [&start](const auto& argument) {
    start.shapes.push_back(&shape_of<std::decay_t<decltype(argument)>>);
    auto& packed = start.arguments.emplace_back();
    packed_writer writer{packed};
    try {
      write_value(writer, argument);
    } catch (const value_error& problem) {
      throw value_error("argument " + std::to_string(start.arguments.size()) + " is " + problem.what());
    }
  };
  (pack(args), ...);
}

/// What is stored of an argument: a text for a literal.
template <class T>
decltype(auto) as_argument(const T& x) {
  if constexpr (std::is_convertible_v<const T&, std::string_view> && !std::is_same_v<T, std::string>)
    return std::string{std::string_view{x}};
  else
    return (x);
}

} // namespace detail

} // namespace interp_actors
