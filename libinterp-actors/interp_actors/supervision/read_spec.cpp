#include "interp_actors/supervision/read_spec.hpp"

#include "interp_actors/actor/translate.hpp"
#include "interp_actors/supervision/supervisor_child.hpp"

#include <caf/config_value.hpp>

#include <algorithm>
#include <array>
#include <concepts>
#include <cstdint>
#include <limits>
#include <string_view>
#include <type_traits>
#include <vector>

namespace interp_actors {

namespace {

std::string to_string(fail_on value) {
  switch (value) {
  case fail_on::base_exceptions:
    return "base_exceptions";
  case fail_on::exceptions:
    return "exceptions";
  }
  return "unknown";
}

bool from_string(std::string_view text, fail_on& value) {
  for (auto known : {fail_on::base_exceptions, fail_on::exceptions})
    if (to_string(known) == text) {
      value = known;
      return true;
    }
  return false;
}

/// All words of an enumeration that has `to_string` and `from_string`.
template <class Enum>
std::vector<std::string> words_of() {
  std::vector<std::string> result;
  for (int i = 0;; ++i) {
    auto word = to_string(static_cast<Enum>(i));
    Enum ignored{};
    if (!from_string(word, ignored))
      return result;
    result.push_back(std::move(word));
  }
}

std::string listed(const std::vector<std::string>& names) {
  std::string result;
  for (auto& name : names)
    result.append(result.empty() ? "" : ", ").append(name);
  return result;
}

std::string shown(const caf::config_value& value) {
  if (auto* text = caf::get_if<std::string>(&value))
    return "'" + *text + "'";
  return caf::to_string(value);
}

/// One dictionary of the configuration. Remembers which keys it was asked for: those are the known ones.
class section {
public:
  section(const caf::settings& from, std::string key, std::vector<std::string>& problems)
      : from_{from}, key_{std::move(key)}, problems_{problems} {}

  const std::string& key() const noexcept { return key_; }
  std::vector<std::string>& problems() const noexcept { return problems_; }
  const caf::settings& all() const noexcept { return from_; }

  void mistake(const std::string& name, const std::string& what) {
    problems_.push_back(key_ + "." + name + ": " + what);
  }

  /// Null for none.
  const caf::config_value* find(const std::string& name) {
    asked_.push_back(name);
    auto place = from_.find(name);
    return place == from_.end() ? nullptr : &place->second;
  }

  bool read(const std::string& name, std::string& to) {
    return read_as<std::string>(name, to, "no text in quotes");
  }

  bool read(const std::string& name, bool& to) { return read_as<bool>(name, to, "neither true nor false"); }

  bool read(const std::string& name, caf::timespan& to) {
    auto* value = find(name);
    return value && read_time(name, *value, to);
  }

  bool read(const std::string& name, double& to) {
    auto* value = find(name);
    if (!value)
      return false;
    auto* integer = caf::get_if<std::int64_t>(value);
    auto* real = caf::get_if<double>(value);
    if (!integer && !real) {
      mistake(name, shown(*value) + " is no number");
      return false;
    }
    to = real ? *real : static_cast<double>(*integer);
    return true;
  }

  template <std::integral T>
  bool read(const std::string& name, T& to) {
    auto* value = find(name);
    if (!value)
      return false;
    constexpr auto most = static_cast<std::uint64_t>(
        std::min<std::uintmax_t>(std::numeric_limits<T>::max(), std::numeric_limits<std::int64_t>::max()));
    auto* number = caf::get_if<std::int64_t>(value);
    if (!number || *number < 0 || static_cast<std::uint64_t>(*number) > most) {
      mistake(name, shown(*value) + " is no whole number from 0 to " + std::to_string(most));
      return false;
    }
    to = static_cast<T>(*number);
    return true;
  }

  template <class Enum>
    requires std::is_enum_v<Enum>
  bool read(const std::string& name, Enum& to) {
    auto* value = find(name);
    if (!value)
      return false;
    auto* text = caf::get_if<std::string>(value);
    if (text && from_string(*text, to))
      return true;
    mistake(name, shown(*value) + " is none of: " + listed(words_of<Enum>()));
    return false;
  }

  bool read(const std::string& name, std::optional<shutdown>& to) {
    auto* value = find(name);
    if (!value)
      return false;
    caf::timespan limit{};
    if (auto* text = caf::get_if<std::string>(value); text && *text == "wait_for_ever")
      to = shutdown::wait_for_ever();
    else if (text && *text == "abandon_at_once")
      to = shutdown::abandon_at_once();
    else if (text)
      mistake(name,
              shown(*value)
                  + " is none of: wait_for_ever, abandon_at_once, a time with its unit and without quotes");
    else if (read_time(name, *value, limit))
      to = shutdown::within(limit);
    return to.has_value();
  }

  bool read(const std::string& name, placement& to) {
    auto* value = find(name);
    if (!value)
      return false;
    auto* text = caf::get_if<std::string>(value);
    if (text && from_string(*text, to))
      return true;
    mistake(name, shown(*value) + " is none of: here, any_node, a node as HOST:PORT");
    return false;
  }

  bool read(const std::string& name, std::vector<std::string>& to) {
    auto* value = find(name);
    if (!value)
      return false;
    auto* list = caf::get_if<caf::config_value::list>(value);
    if (!list || !std::ranges::all_of(*list, [](auto& each) {
          return caf::get_if<std::string>(&each) != nullptr;
        })) {
      mistake(name, shown(*value) + " is no list of texts in quotes");
      return false;
    }
    to.clear();
    for (auto& each : *list)
      to.push_back(*caf::get_if<std::string>(&each));
    return true;
  }

  /// Calls `f` with the dictionary of that name, if there is one.
  template <class F>
  void inside(const std::string& name, F&& f) {
    auto* value = find(name);
    if (!value)
      return;
    auto* dictionary = caf::get_if<caf::settings>(value);
    if (!dictionary)
      return mistake(name, shown(*value) + " is no dictionary in braces");
    section inner{*dictionary, key_ + "." + name, problems_};
    f(inner);
  }

  /// Says which keys nobody has asked for.
  void finish() {
    for (auto& [name, value] : from_)
      if (std::ranges::find(asked_, name) == asked_.end())
        mistake(name, "it is unknown here; known are: " + listed(asked_));
  }

private:
  template <class T>
  bool read_as(const std::string& name, T& to, const char* otherwise) {
    auto* value = find(name);
    if (!value)
      return false;
    auto* found = caf::get_if<T>(value);
    if (found)
      to = *found;
    else
      mistake(name, shown(*value) + " is " + otherwise);
    return found;
  }

  bool read_time(const std::string& name, const caf::config_value& value, caf::timespan& to) {
    auto* time = caf::get_if<caf::timespan>(&value);
    if (!time || time->count() < 0) {
      mistake(name, shown(value)
                        + (time ? " is negative"
                                : " is no time with its unit and without quotes, such as 500ms or 10s"));
      return false;
    }
    to = *time;
    return true;
  }

  const caf::settings& from_;
  const std::string key_;
  std::vector<std::string>& problems_;
  std::vector<std::string> asked_;
};

source read_source(section& from, const std::string& child, bool has_kind) {
  source result;
  if (std::string path; from.read("source-file", path))
    result = file(path);
  if (std::string code; from.read("source-text", code))
    result = text(std::move(code), "<" + child + ">");
  if (std::string name; from.read("module", name))
    result = module(std::move(name));
  auto given = std::ranges::count_if(std::array{"source-file", "source-text", "module"},
                                     [&](const char* key) { return from.all().contains(key); });
  if (given != 1)
    from.problems().push_back(from.key() + ": it says " + (given == 0 ? "nothing of" : "more than once")
                              + " what the child consists of; give one of: source-file, source-text, module"
                              + (has_kind ? "" : ", kind, children"));
  return result;
}

python_options read_python_options(section& from, bool has_kind) {
  python_options result;
  auto& spawn = result.spawn;
  from.read("functions", spawn.functions);
  if (has_kind)
    from.read("class-name", spawn.class_name);
  from.read("mailbox-messages", spawn.mailbox.messages);
  from.read("mailbox-bytes", spawn.mailbox.bytes);
  from.read("deadline", spawn.deadline);
  from.inside("handler-deadlines", [&](section& handlers) {
    for (auto& [name, value] : handlers.all())
      handlers.read(name, spawn.handler_deadlines[name]);
  });
  from.read("start-deadline", spawn.start_deadline);
  from.read("fail-on", spawn.fail_on);
  auto& succession = result.succession;
  from.read("attempts", succession.attempts);
  from.read("snapshot-messages", succession.snapshot_messages);
  from.read("snapshot-interval", succession.snapshot_interval);
  from.read("recycle-messages", succession.recycle_messages);
  from.read("recycle-age", succession.recycle_age);
  from.read("spares", result.spares);
  from.read("modules", result.modules);
  from.read("virtual-env", result.virtual_env);
  from.read("on", result.on);
  return result;
}

/// `make` is null for the generic interface.
std::shared_ptr<const child_body> read_python(section& from, const std::string& child,
                                              const child_registry::python_maker* make) {
  auto before = from.problems().size();
  auto code = read_source(from, child, make != nullptr);
  auto options = read_python_options(from, make != nullptr);
  if (from.problems().size() != before)
    return nullptr;
  auto body =
      make ? (*make)(std::move(code), std::move(options)) : python_child(std::move(code), std::move(options));
  if (!body)
    from.mistake("kind", "no child was made of it");
  else if (auto problem = body->check())
    from.problems().push_back(from.key() + ": " + describe(problem));
  return body;
}

std::shared_ptr<const child_body> read_made(section& from, const child_registry::maker& make) {
  caf::settings options;
  from.inside("options", [&](section& given) { options = given.all(); });
  auto made = make(options);
  if (made && *made)
    return *made;
  from.mistake("options", made ? "no child was made of it" : describe(made.error()));
  return nullptr;
}

void read_supervisor(section& from, const child_registry& known, supervisor_spec& to);

void read_child(section& from, const child_registry& known, child_spec& to) {
  if (!from.read("name", to.name) && !from.all().contains("name"))
    from.mistake("name", "it is missing");
  from.read("restart", to.restart);
  from.read("shutdown", to.shutdown);
  from.read("significant", to.significant);
  from.inside("backoff", [&](section& delays) {
    delays.read("initial", to.backoff.initial);
    delays.read("factor", to.backoff.factor);
    delays.read("maximum", to.backoff.maximum);
    delays.read("jitter", to.backoff.jitter);
    delays.read("reset-after", to.backoff.reset_after);
    delays.finish();
  });
  if (std::string kind; from.read("kind", kind)) {
    auto place = known.entries().find(kind);
    if (place == known.entries().end()) {
      std::vector<std::string> kinds;
      for (auto& [name, entry] : known.entries())
        kinds.push_back(name);
      return from.mistake("kind", "'" + kind + "' is "
                                      + (kinds.empty() ? "unknown; the program has no kinds of its own"
                                                       : "none of: " + listed(kinds)));
    }
    auto& entry = place->second;
    if (auto* body = std::get_if<std::shared_ptr<const child_body>>(&entry))
      to.body = *body;
    else if (auto* make = std::get_if<child_registry::maker>(&entry))
      to.body = read_made(from, *make);
    else
      to.body = read_python(from, to.name, &std::get<child_registry::python_maker>(entry));
    if (to.body && to.body->is_supervisor())
      to.kind = child_kind::supervisor;
  } else if (from.all().contains("kind")) {
    return; // it is no text
  } else if (from.all().contains("children")) {
    supervisor_spec below;
    read_supervisor(from, known, below);
    to.kind = child_kind::supervisor;
    to.body = supervisor_child(std::move(below));
  } else {
    from.find("children"); // known, too
    to.body = read_python(from, to.name, nullptr);
  }
  from.finish();
}

void read_children(section& from, const child_registry& known, std::vector<child_spec>& to) {
  auto* value = from.find("children");
  if (!value)
    return;
  auto* list = caf::get_if<caf::config_value::list>(value);
  if (!list)
    return from.mistake(
        "children",
        "it is no list; give one, since children have an order: [ { name = \"a\" }, { name = \"b\" } ]");
  for (std::size_t i = 0; i < list->size(); ++i) {
    auto place = "children[" + std::to_string(i) + "]";
    if (auto* child = caf::get_if<caf::settings>(&list->at(i))) {
      section one{*child, from.key() + "." + place, from.problems()};
      read_child(one, known, to.emplace_back());
    } else {
      from.mistake(place, shown(list->at(i)) + " is no dictionary in braces");
    }
  }
}

/// Reads the fields of a supervisor; those of a child that it may also be are read.
void read_supervisor(section& from, const child_registry& known, supervisor_spec& to) {
  auto before = from.problems().size();
  from.read("strategy", to.strategy);
  from.read("intensity", to.intensity);
  from.read("period", to.period);
  from.read("budget", to.budget);
  from.read("auto-shutdown", to.auto_shutdown);
  read_children(from, known, to.children);
  if (from.problems().size() != before)
    return; // what could not be read has its default, which may not fit the rest
  for (auto& problem : examine(to)) {
    std::ranges::replace(problem.field, '_', '-');
    auto child = problem.child ? "children[" + std::to_string(*problem.child) + "]." : "";
    from.mistake(child + problem.field, problem.text);
  }
}

} // namespace

caf::expected<supervisor_spec> read_supervisor_spec(const caf::settings& settings, const std::string& key,
                                                    const child_registry& known) {
  std::vector<std::string> problems;
  supervisor_spec result;
  auto* value = caf::get_if(&settings, key);
  auto* dictionary = value ? caf::get_if<caf::settings>(value) : nullptr;
  if (dictionary) {
    section top{*dictionary, key, problems};
    read_supervisor(top, known, result);
    top.finish();
  } else {
    problems.push_back(
        key + ": "
        + (value ? shown(*value) + " is no dictionary in braces" : "the configuration says nothing of it"));
  }
  if (auto problem = check(problems))
    return problem;
  return result;
}

} // namespace interp_actors
