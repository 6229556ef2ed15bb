#include "interp_actors/actor/protocol.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <ostream>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace interp_actors {

namespace {

using kind = type_shape::kind;

/// Arrays up to this length are printed with all their elements.
constexpr std::size_t max_written_array = 16;

constexpr std::array<std::string_view, 35> keywords{
    "False", "None",     "True",  "and",    "as",   "assert", "async",  "await",    "break",
    "class", "continue", "def",   "del",    "elif", "else",   "except", "finally",  "for",
    "from",  "global",   "if",    "import", "in",   "is",     "lambda", "nonlocal", "not",
    "or",    "pass",     "raise", "return", "try",  "while",  "with",   "yield",
};

/// What the printed module takes from Python; no class of its own may be called so.
constexpr std::array<std::string_view, 21> used_names{
    "ActorError", "Exception", "Protocol", "Reference", "bool",  "bytes",     "dataclass",
    "datetime",   "dict",      "float",    "frozenset", "int",   "list",      "memoryview",
    "object",     "overload",  "set",      "str",       "tuple", "timedelta", "__name__",
};

bool contains(const auto& names, std::string_view name) {
  return std::ranges::find(names, name) != names.end();
}

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

/// Whether a class can have a member of this name. Python changes names that begin with two underscores.
bool can_be_member(std::string_view name) {
  return !name.empty() && is_letter(name[0]) && !name.starts_with("__") && !contains(keywords, name)
         && std::ranges::all_of(name, [](char c) { return is_letter(c) || is_digit(c); });
}

/// A C++ name as a Python one: what no name can hold becomes one underscore.
std::string to_identifier(std::string_view name) {
  std::string result;
  for (auto c : name) {
    if (is_letter(c) || is_digit(c))
      result += c;
    else if (!result.empty() && result.back() != '_')
      result += '_';
  }
  while (!result.empty() && result.back() == '_')
    result.pop_back();
  return result.empty() || is_digit(result[0]) ? "structure" + result : result;
}

std::string camel_case(std::string_view name) {
  std::string result;
  bool upper = true;
  for (auto c : name) {
    if (c == '_') {
      upper = true;
      continue;
    }
    result += upper && c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    upper = false;
  }
  return result;
}

/// "T | None" of parts that may be unions themselves: each member once, None at the end.
std::string union_of(const std::vector<std::string>& parts) {
  std::vector<std::string> members;
  bool none = false;
  for (auto& part : parts) {
    std::size_t begin = 0;
    int depth = 0;
    for (std::size_t i = 0; i <= part.size(); ++i) {
      if (i < part.size() && part[i] == '[')
        ++depth;
      else if (i < part.size() && part[i] == ']')
        --depth;
      if (i < part.size() && !(depth == 0 && part[i] == '|'))
        continue;
      auto member = part.substr(begin, i - begin);
      member.erase(0, member.find_first_not_of(' '));
      member.erase(member.find_last_not_of(' ') + 1);
      begin = i + 1;
      if (member == "None")
        none = true;
      else if (!contains(members, member))
        members.push_back(std::move(member));
    }
  }
  if (none)
    members.emplace_back("None");
  std::string result;
  for (auto& member : members)
    result += (result.empty() ? "" : " | ") + member;
  return result;
}

/// Prints one module. What is in a set or a key must be hashable: there, lists are tuples, sets are frozensets and
/// dataclasses are frozen.
class protocol_writer {
public:
  protocol_writer(const interface& type, std::string_view name) : type_{type} {
    for (auto& method : type.methods) {
      for (auto shape : method.signature.arguments)
        collect(shape(), plain);
      collect(method.signature.result(), plain);
    }
    name_structures(name);
  }

  void write(std::ostream& out);

private:
  // Where a type stands; a structure may stand in both places.
  static constexpr int plain = 1;
  static constexpr int hashable = 2;

  enum class use { given, returned, field };

  struct structure {
    std::string name; // empty where it cannot be a dataclass
    int places = 0;
    bool is_defined = false;
  };

  /// The text of a class, while it is made.
  struct class_text {
    std::set<std::string, std::less<>> members; // hide what is outside of it
    bool names_later_ones = false;
    std::vector<std::string> aliases; // what it needs under another name
  };

  void collect(const type_shape& shape, int place);
  void name_structures(std::string_view wanted);
  std::string type_of(const type_shape& shape, int places, use as);
  std::string types_of_parts(const type_shape& shape, int places, use as);
  std::string name_in_class(const std::string& name);
  std::string import_of(const char* module, const char* name);
  std::string write_dataclass(const type_shape& shape);
  std::string write_methods();
  std::string write_method(const handler_signature& signature, bool overloaded);
  std::string with_aliases(std::string text, const std::string& defined);
  std::string head() const;

  const interface& type_;
  std::string name_;
  std::map<const type_shape*, structure> structures_;
  std::vector<const type_shape*> order_; // each behind those that it consists of
  std::map<std::string, std::set<std::string>> imports_;
  std::map<std::string, std::string> aliases_; // defined or waiting
  std::set<std::string> undefined_aliases_;    // of classes that are still to come
  class_text current_;
  bool has_null_ = false;
};

void protocol_writer::collect(const type_shape& shape, int place) {
  if (shape.what == kind::structure) {
    auto [found, is_new] = structures_.try_emplace(&shape);
    if ((found->second.places & place) != 0)
      return;
    found->second.places |= place;
    for (auto& field : shape.fields)
      collect(field.shape(), place);
    if (is_new)
      order_.push_back(&shape);
    return;
  }
  for (std::size_t i = 0; i < shape.parts.size(); ++i) {
    bool is_key = shape.what == kind::set || (shape.what == kind::map && i == 0);
    collect(shape.parts[i](), is_key ? hashable : place);
  }
}

void protocol_writer::name_structures(std::string_view wanted) {
  if (wanted.empty()) {
    auto short_name = type_.name.starts_with("caf::typed_actor<")
                          ? std::string{"interface"}
                          : type_.name.substr(type_.name.rfind(':') + 1);
    name_ = camel_case(to_identifier(short_name));
    if (name_.empty() || contains(used_names, name_) || contains(keywords, name_))
      name_ += "Interface";
  } else if (can_be_member(wanted) && !contains(used_names, wanted)) {
    name_ = wanted;
  } else {
    throw std::invalid_argument("'" + std::string{wanted} + "' cannot be the name of a protocol in Python");
  }
  std::map<std::string, int> short_names;
  for (auto* shape : order_)
    ++short_names[to_identifier(python_name(*shape))];
  std::set<std::string, std::less<>> taken{name_};
  auto is_free = [&](const std::string& name) {
    return can_be_member(name) && !contains(used_names, name) && !taken.contains(name);
  };
  for (auto* shape : order_) {
    if (!std::ranges::all_of(shape->fields, [](auto& field) { return can_be_member(field.name); }))
      continue; // a dict takes every name
    auto name = to_identifier(python_name(*shape));
    if (short_names[name] > 1 || !is_free(name))
      name = to_identifier(shape->name);
    while (!is_free(name))
      name += '_';
    taken.insert(name);
    structures_[shape].name = std::move(name);
  }
}

/// The name as the class that is being written can use it: a member of the same name hides what is outside.
std::string protocol_writer::name_in_class(const std::string& name) {
  if (!current_.members.contains(name))
    return name;
  auto [alias, is_new] = aliases_.try_emplace(name);
  if (is_new) {
    auto is_taken = [this](const std::string& text) {
      return text == name_
             || std::ranges::any_of(structures_, [&](auto& one) { return one.second.name == text; });
    };
    alias->second = "_" + name;
    while (is_taken(alias->second) || current_.members.contains(alias->second))
      alias->second += '_';
    current_.aliases.push_back(name);
  }
  return alias->second;
}

std::string protocol_writer::import_of(const char* module, const char* name) {
  imports_[module].insert(name);
  return name_in_class(name);
}

std::string protocol_writer::types_of_parts(const type_shape& shape, int places, use as) {
  std::string result;
  for (auto part : shape.parts)
    result += (result.empty() ? "" : ", ") + type_of(part(), places, as);
  return result;
}

std::string protocol_writer::type_of(const type_shape& shape, int places, use as) {
  /// The name of a container in either place, with what is in it.
  auto container = [&](const char* in_plain, const char* in_hashable, const std::string& parts,
                       const char* more = "") {
    std::vector<std::string> both;
    if ((places & plain) != 0)
      both.push_back(name_in_class(in_plain) + "[" + parts + "]");
    if ((places & hashable) != 0)
      both.push_back(name_in_class(in_hashable) + "[" + parts + more + "]");
    return union_of(both);
  };
  switch (shape.what) {
  case kind::nil:
    return "None";
  case kind::boolean:
    return name_in_class("bool");
  case kind::integer:
    return name_in_class("int");
  case kind::real:
    return name_in_class("float");
  case kind::text:
    return name_in_class("str");
  case kind::enumeration:
    return name_in_class(shape.has_names ? "str" : "int");
  case kind::payload:
    has_null_ = true;
    return as == use::returned ? name_in_class("bytes") + " | " + name_in_class("memoryview")
                               : name_in_class("memoryview");
  case kind::duration:
    return import_of("datetime", "timedelta");
  case kind::time:
    return import_of("datetime", "datetime");
  case kind::error:
    return (as == use::returned ? name_in_class("Exception") : import_of("interp_actors", "ActorError"))
           + " | None";
  case kind::actor:
    has_null_ = true;
    return import_of("interp_actors", "Reference");
  case kind::optional:
    return union_of({type_of(shape.parts.front()(), places, as), "None"});
  case kind::variant: {
    std::vector<std::string> parts;
    for (auto part : shape.parts)
      parts.push_back(type_of(part(), places, as));
    return union_of(parts);
  }
  case kind::list:
    return container("list", "tuple", types_of_parts(shape, places, as), ", ...");
  case kind::set:
    return container("set", "frozenset", types_of_parts(shape, hashable, as));
  case kind::map:
    return name_in_class("dict") + "[" + type_of(shape.parts[0](), hashable, as) + ", "
           + type_of(shape.parts[1](), places, as) + "]";
  case kind::array: {
    auto part = type_of(shape.parts.front()(), places, as);
    if (shape.size == 0 || shape.size > max_written_array)
      return name_in_class("tuple") + "[" + part + ", ...]";
    auto all = part;
    for (std::size_t i = 1; i < shape.size; ++i)
      all += ", " + part;
    return name_in_class("tuple") + "[" + all + "]";
  }
  case kind::tuple:
    return name_in_class("tuple") + "[" + (shape.parts.empty() ? "()" : types_of_parts(shape, places, as))
           + "]";
  case kind::structure: {
    auto& known = structures_.at(&shape);
    if (known.name.empty())
      return name_in_class("dict") + "[" + name_in_class("str") + ", " + name_in_class("object") + "]";
    current_.names_later_ones = current_.names_later_ones || !known.is_defined;
    return name_in_class(known.name);
  }
  }
  return {};
}

/// The text of a class between the aliases that it needs and those of itself.
std::string protocol_writer::with_aliases(std::string text, const std::string& defined) {
  std::string before;
  std::string after;
  auto line = [this](const std::string& name) { return aliases_.at(name) + " = " + name + "\n"; };
  for (auto& name : current_.aliases) {
    bool is_later = std::ranges::any_of(
        structures_, [&](auto& one) { return one.second.name == name && !one.second.is_defined; });
    if (is_later)
      undefined_aliases_.insert(name);
    else
      before += line(name);
  }
  if (undefined_aliases_.erase(defined) > 0)
    after = "\n\n" + line(defined);
  return "\n\n" + (before.empty() ? before : before + "\n\n") + std::move(text) + after;
}

std::string protocol_writer::write_dataclass(const type_shape& shape) {
  auto& known = structures_.at(&shape);
  if (known.name.empty())
    return {};
  imports_["dataclasses"].insert("dataclass");
  current_ = {};
  for (auto& field : shape.fields)
    current_.members.insert(field.name);
  auto& fields = shape.fields;
  // Those at the end that may be None need not be given.
  auto last = std::find_if(fields.rbegin(), fields.rend(),
                           [](auto& field) { return field.shape().what != kind::optional; });
  auto first_with_default = static_cast<std::size_t>(fields.rend() - last);
  auto text = std::string{(known.places & hashable) != 0 ? "@dataclass(frozen=True)" : "@dataclass"}
              + "\nclass " + known.name + ":\n    \"\"\""
              + (shape.name == "structure" ? "A structure that CAF has no name for" : shape.name + " in C++")
              + ".\"\"\"\n";
  for (std::size_t i = 0; i < fields.size(); ++i) {
    current_.names_later_ones = false;
    auto type = type_of(fields[i].shape(), known.places, use::field);
    // A dataclass looks at its annotations before the names of later classes mean anything.
    if (current_.names_later_ones)
      type = "\"" + type + "\"";
    text += (i == 0 ? "\n    " : "    ") + fields[i].name + ": " + type
            + (i >= first_with_default ? " = None" : "") + "\n";
  }
  auto result = with_aliases(std::move(text), known.name);
  known.is_defined = true;
  return result;
}

std::string protocol_writer::write_method(const handler_signature& signature, bool overloaded) {
  std::string text = overloaded ? "    @overload\n" : "";
  text += "    def " + signature.name + "(self";
  std::string types;
  for (std::size_t i = 0; i < signature.arguments.size(); ++i) {
    auto& shape = signature.arguments[i]();
    text += ", a" + std::to_string(i) + ": " + type_of(shape, plain, use::given);
    types += (types.empty() ? "" : ", ") + cpp_name(shape);
  }
  text += ", /) -> " + type_of(signature.result(), plain, use::returned) + ":\n";
  auto result = signature.result().what == kind::nil ? std::string{"void"} : cpp_name(signature.result());
  return text + "        \"\"\"In C++: (" + types + ") -> " + result + ".\"\"\"\n";
}

std::string protocol_writer::write_methods() {
  current_ = {};
  for (auto& method : type_.methods)
    current_.members.insert(method.signature.name);
  std::set<std::string, std::less<>> written;
  std::string result;
  for (auto& method : type_.methods) {
    auto& name = method.signature.name;
    if (!written.insert(name).second)
      continue;
    if (!can_be_member(name)) {
      result += "\n    # Not here, for no class can say it: a handler that is called '" + name + "'.\n";
      continue;
    }
    // Signatures that look alike in Python are one.
    std::vector<const handler_signature*> same_name;
    std::set<std::string> texts;
    for (auto& other : type_.methods) {
      if (other.signature.name != name)
        continue;
      auto text = write_method(other.signature, false);
      if (texts.insert(text.substr(0, text.find('\n'))).second)
        same_name.push_back(&other.signature);
    }
    for (auto* signature : same_name) {
      if (same_name.size() > 1)
        imports_["typing"].insert("overload");
      result += "\n" + write_method(*signature, same_name.size() > 1);
    }
  }
  return result;
}

std::string protocol_writer::head() const {
  auto text =
      "\"\"\"" + type_.name
      + " as a protocol for its handlers in Python.\n\n"
        "Printed from the C++ type. A class with these methods, or a module with these functions, implements "
        "it.\n";
  if (has_null_)
    text += "A payload or an actor that is null in C++ is None, which these types leave out.\n";
  text += "\"\"\"\n\n";
  // Overloads may look alike to mypy where C++ tells them apart: an int is also a float.
  if (imports_.at("typing").contains("overload"))
    text += "# mypy: disable-error-code=\"overload-overlap, overload-cannot-match\"\n\n";
  auto line = [](const std::string& module, const std::set<std::string>& names) {
    std::string list;
    for (auto& name : names)
      list += (list.empty() ? "" : ", ") + name;
    return "from " + module + " import " + list + "\n";
  };
  for (auto& [module, names] : imports_)
    if (module != "interp_actors")
      text += line(module, names);
  if (auto ours = imports_.find("interp_actors"); ours != imports_.end())
    text += "\n" + line(ours->first, ours->second);
  return text;
}

void protocol_writer::write(std::ostream& out) {
  std::string body;
  for (auto* shape : order_)
    body += write_dataclass(*shape);
  imports_["typing"].insert("Protocol");
  auto methods = write_methods();
  body += with_aliases(
      "class " + name_ + "(Protocol):\n    \"\"\"" + type_.name + " in C++.\"\"\"\n" + methods, name_);
  out << head() << body;
}

} // namespace

void write_protocol(std::ostream& out, const interface& type, std::string_view name) {
  protocol_writer{type, name}.write(out);
}

} // namespace interp_actors
