#include "report.hpp"

#include <algorithm>
#include <string>

namespace {

using colour = screen::colour;
using state = file_result::state;

constexpr std::size_t largest_shown = 10;
constexpr std::size_t names_shown = 10;
/// Below this, the machine is busy with something else.
constexpr double full_share = 0.9;
/// Times below these say nothing: about the speed at all, and about what else the machine does.
constexpr std::chrono::milliseconds shortest_time{10};
constexpr std::chrono::milliseconds shortest_for_share{200};

std::string row(const std::string& what, const std::string& value, const std::string& rest = "") {
  return "  " + left(what, 22) + right(value, 10) + (rest.empty() ? "" : "   " + rest) + '\n';
}

/// What each interpreter had of a core.
double share(const speed& x) {
  return x.cpu_time / x.time / static_cast<double>(x.interpreters);
}

std::string percent(double share) {
  return fixed(share * 100, 0) + " %";
}

/// A row for the files with which `what` happened, if any, and their names.
std::string outcome_rows(const source_files& sources, const pass& index, state what, const std::string& text,
                         std::optional<std::size_t> but_for = {}) {
  std::size_t count = 0;
  std::string names;
  for (std::size_t i = 0; i < index.results.size(); ++i) {
    if (index.results[i].what != what || but_for == i)
      continue;
    auto prefix = count == 0 ? "" : std::string(37, ' ');
    if (++count <= names_shown)
      names += prefix + sources.files[i].name + '\n';
  }
  if (count == 0)
    return {};
  if (count > names_shown)
    names += std::string(37, ' ') + "and " + grouped(count - names_shown) + " more\n";
  names.pop_back();
  return row(text, grouped(count), names);
}

/// What Python said, or else the error, without the traceback.
std::string one_line(const caf::error& problem) {
  auto error = ia::python_error_of(problem);
  return error ? error->summary() : ia::describe(problem);
}

} // namespace

void print_index(screen& out, const source_files& sources, const pass& index, const chaos_files& chaos) {
  counts sum;
  std::size_t indexed = 0;
  std::size_t bytes = 0;
  std::size_t lines = 0;
  std::vector<std::size_t> largest;
  for (std::size_t i = 0; i < index.results.size(); ++i) {
    auto& result = index.results[i];
    if (result.what != state::indexed)
      continue;
    ++indexed;
    bytes += sources.files[i].bytes.size();
    lines += sources.files[i].lines;
    sum.functions += result.found.functions;
    sum.classes += result.found.classes;
    if (largest.size() < largest_shown)
      largest.push_back(i);
  }
  std::string text = '\n' + out.paint(colour::bold, "Result") + "\n\n";
  text += row("Files indexed", grouped(indexed), size_text(bytes) + ", " + several(lines, "line"));
  text += row("Functions", grouped(sum.functions), "with methods");
  text += row("Classes", grouped(sum.classes));
  text += outcome_rows(sources, index, state::refused, "Did not parse");
  if (chaos.loop && index.results[*chaos.loop].what == state::stopped)
    text += row("Ended by its deadline", "1", sources.files[*chaos.loop].name + " (chaos, as announced)");
  if (chaos.poison && index.results[*chaos.poison].what == state::dead_letter) {
    text += row("Dead letter", "1", sources.files[*chaos.poison].name + " (chaos, as announced)");
    text += row("", "", "after " + several(indexer::attempts, "attempt") + ", the last of which ended so:");
    text += row("", "", quoted(one_line(index.results[*chaos.poison].problem), ""));
  }
  text += outcome_rows(sources, index, state::stopped, "Took too long", chaos.loop);
  text += outcome_rows(sources, index, state::failed, "Failed");
  text += outcome_rows(sources, index, state::dead_letter, "Dead letters", chaos.poison);
  text += outcome_rows(sources, index, state::unanswered, "Not answered");
  if (!sources.unreadable.empty())
    text += row("Cannot be read", grouped(sources.unreadable.size()));
  text += '\n' + out.paint(colour::bold, "  Largest     KB    lines  functions  classes") + '\n';
  for (auto i : largest) {
    auto& file = sources.files[i];
    auto& found = index.results[i].found;
    auto kilobytes = grouped((file.bytes.size() + 500) / 1000);
    text += right(kilobytes, 14) + right(grouped(file.lines), 9) + right(grouped(found.functions), 11)
            + right(grouped(found.classes), 9) + "   " + file.name + '\n';
  }
  out.print(text);
}

void print_speed(screen& out, const measurement& measured) {
  auto& one = measured.one;
  auto& all = measured.all;
  if (one.time < shortest_time) {
    out.print("\n  These files are too few to measure the speed.\n");
    return;
  }
  auto mb_per_second = [&](const speed& x) {
    return static_cast<double>(measured.bytes) / 1e6 / x.time.count();
  };
  auto speed_row = [&](const speed& x) {
    return row(several(x.interpreters, "interpreter"), fixed(mb_per_second(x), 1),
               "MB/s (" + fixed(x.time.count(), 2) + " s)");
  };
  std::string text = '\n' + out.paint(colour::bold, "  Speed") + " of indexing "
                     + several(measured.files, "file") + ", " + size_text(measured.bytes) + ": the median of "
                     + several(measured.rounds, "round") + '\n' + speed_row(one);
  if (all) {
    auto times = fixed(mb_per_second(*all) / mb_per_second(one), 2);
    text += speed_row(*all) + row("Speed-up", times, "times as fast as 1 interpreter");
    if (all->time >= shortest_for_share && share(*all) < full_share) {
      text += row("", "", "but no fair figure: other programs are");
      text += row("", "", "running, so Python had " + percent(share(*all)) + " of each core");
      text += row("", "", "(1 interpreter: " + percent(share(one)) + " of one)");
    }
  }
  out.print(text);
}

bool went_well(const source_files& sources, const pass& index, const chaos_files& chaos) {
  if (!sources.unreadable.empty())
    return false;
  for (std::size_t i = 0; i < index.results.size(); ++i) {
    auto what = index.results[i].what;
    bool as_announced = chaos.loop == i     ? what == state::stopped
                        : chaos.poison == i ? what == state::dead_letter
                                            : what == state::indexed || what == state::refused;
    if (!as_announced)
      return false;
  }
  return true;
}

std::string size_text(std::size_t bytes) {
  if (bytes < 1000)
    return several(bytes, "byte");
  auto count = static_cast<double>(bytes);
  return bytes < 1'000'000 ? fixed(count / 1e3, 1) + " KB" : fixed(count / 1e6, 1) + " MB";
}

std::string several(std::size_t count, const std::string& singular, const std::string& plural) {
  return grouped(count) + ' ' + (count == 1 ? singular : plural.empty() ? singular + 's' : plural);
}
