// Indexes Python sources with a supervised fleet of Python interpreters, one per core: C++ maps the files and merges
// the counts, Python parses. Files that do not parse show their traceback; with --chaos, one handler loops for ever
// until its deadline ends it, and another ends its interpreter, which comes back. Read on in indexer.cpp, which talks
// to the fleet, and index_sources.py, which runs in its members.

#include "interp_actors/all.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <thread>

#include "indexer.hpp"
#include "report.hpp"
#include "screen.hpp"
#include "source_files.hpp"

namespace {

namespace fs = std::filesystem;
using colour = screen::colour;
using state = file_result::state;

constexpr std::size_t tracebacks_shown = 3;
constexpr std::size_t problems_named = 20;
constexpr std::size_t rounds = 3;
/// What is measured, at most: more bytes would make the measurement longer and no better.
constexpr std::size_t measured_bytes = 32'000'000;

class options : public ia::config {
public:
  options() {
    opt_group{custom_options_, "global"}
        .add(chaos, "chaos",
             "make the handler of one file loop for ever, and that of another end its interpreter")
        .add(workers, "workers,w", "number of interpreters (one per core)");
  }

  bool chaos = false;
  std::size_t workers = 0;
};

/// A file on which the handler shall misbehave: the first one from `from` on that is not the one known not to parse.
std::optional<std::size_t> choose(const std::vector<source_file>& files, std::size_t from,
                                  const fs::path& broken) {
  for (auto i = from; i < files.size(); ++i)
    if (files[i].path != broken)
      return i;
  return std::nullopt;
}

/// Files that have others behind them.
chaos_files choose_chaos(const std::vector<source_file>& files, const fs::path& broken) {
  chaos_files result{.loop = choose(files, files.size() / 4, broken)};
  if (result.loop)
    result.poison = choose(files, std::max(files.size() / 2, *result.loop + 1), broken);
  return result;
}

/// Says what is going to happen.
void introduce(screen& out, const source_files& sources, const std::string& where, const indexer& work,
               std::chrono::duration<double> start_time, const chaos_files& chaos) {
  auto row = [&](colour how, const char* heading, const std::string& text) {
    return "  " + out.paint(how, left(heading, 14)) + text + '\n';
  };
  auto text =
      out.paint(colour::bold, "interp-actors: many Python interpreters at work in one C++ process") + "\n\n";
  text += row(colour::bold, "The files", where);
  text += row(colour::bold, "",
              several(sources.files.size(), "Python file") + ", " + size_text(sources.bytes)
                  + ": mapped into memory, not copied");
  text += row(colour::bold, "", "One of them does not parse, on purpose: broken.py of this demo");
  text += row(colour::bold, "The workers",
              "a supervised fleet of " + several(work.size(), "interpreter") + " of Python " + work.version()
                  + ",");
  text += row(colour::bold, "", "each with its own GIL, started in " + fixed(start_time.count(), 2) + " s");
  text += row(colour::bold, "The work", "Python parses each file (ast) and returns its counts as JSON;");
  text += row(colour::bold, "", "C++ hands out the files and adds up the counts");
  if (chaos.loop) {
    auto limit = several(static_cast<std::size_t>(indexer::chaos_deadline.count()), "second");
    text +=
        row(colour::yellow, "Chaos is on", "On one file, the Python code will loop for ever, on purpose:");
    text += row(colour::bold, "", "  " + out.paint(colour::yellow, sources.files[*chaos.loop].name));
    text += row(colour::bold, "", "You will see that its deadline of " + limit + " ends it, that the");
    text += row(colour::bold, "", "other files do not wait, and that its interpreter lives on");
  }
  if (chaos.poison) {
    text += row(colour::bold, "", "Another one is poison, and ends the interpreter that takes it:");
    text += row(colour::bold, "", "  " + out.paint(colour::yellow, sources.files[*chaos.poison].name));
    text += row(colour::bold, "", "You will see that its interpreter is started again each time, and");
    text += row(colour::bold, "",
                "that the file is put aside after " + several(indexer::attempts, "attempt")
                    + ", as a dead letter");
  }
  for (std::size_t i = 0; i < sources.unreadable.size() && i < problems_named; ++i)
    text += row(colour::red, "Cannot read", sources.unreadable[i]);
  if (sources.unreadable.size() > problems_named)
    text += row(colour::red, "", "and " + grouped(sources.unreadable.size() - problems_named) + " more");
  out.print(text);
}

/// Prints what happens to files while the rest goes on. Thread: any.
class reporter {
public:
  reporter(screen& out, const source_files& sources, const chaos_files& chaos)
      : out_{out}, sources_{sources}, chaos_{chaos} {}

  indexer::observer watch() {
    return {[this](std::size_t file) { loops(file); },
            [this](std::size_t file, const file_result& result) { ended(file, result); }};
  }

private:
  void loops(std::size_t file) {
    done_at_loop_ = done_.load();
    out_.print(out_.paint(colour::yellow,
                          "  Chaos: an interpreter now loops for ever on " + sources_.files[file].name)
               + "\n\n");
  }

  void ended(std::size_t file, const file_result& result) {
    auto meanwhile = done_.fetch_add(1) - done_at_loop_;
    auto& name = sources_.files[file].name;
    if (chaos_.loop == file && result.what == state::stopped)
      show(out_.paint(colour::yellow, "  " + name + ": ended by its deadline, as announced. It was here:"),
           result.problem,
           "  Its interpreter lives on, and "
               + several(meanwhile, "other file was done", "other files were done") + " meanwhile.\n");
    else if (result.what == state::refused)
      refused(name, result.problem);
    else if (result.what == state::stopped)
      show(out_.paint(colour::red, "  " + name + ": took too long. It was here:"), result.problem);
    else if (result.what == state::failed)
      show(out_.paint(colour::red, "  " + name + ": the handler raised an exception:"), result.problem);
    else if (result.what == state::dead_letter)
      out_.print(out_.paint(chaos_.poison == file ? colour::yellow : colour::red,
                            "  " + name + ": put aside as a dead letter")
                 + "\n\n");
    else if (result.what == state::unanswered)
      show(out_.paint(colour::red, "  " + name + ": the fleet has ended:"), result.problem);
    out_.advance();
  }

  void refused(const std::string& name, const caf::error& problem) {
    std::lock_guard guard{mutex_};
    ++refused_;
    auto title = "  " + name + " does not parse";
    if (refused_ <= tracebacks_shown) {
      show(out_.paint(colour::red, title + ". Python says:"), problem);
    } else if (refused_ <= problems_named) {
      auto error = ia::python_error_of(problem).value_or(ia::python_error{});
      out_.print(out_.paint(colour::red, title) + ": " + quoted(error.summary(), "") + '\n');
    } else if (refused_ == problems_named + 1) {
      out_.print(out_.paint(colour::red, "  More files do not parse; the result says how many.") + '\n');
    }
  }

  void show(const std::string& title, const caf::error& problem, const std::string& after = "") {
    auto error = ia::python_error_of(problem);
    auto text = error ? error->traceback() : ia::describe(problem) + '\n';
    out_.print(title + '\n' + quoted(text, "  | ") + after + '\n');
  }

  screen& out_;
  const source_files& sources_;
  const chaos_files chaos_;
  std::atomic<std::size_t> done_{0};
  std::atomic<std::size_t> done_at_loop_{0};
  std::mutex mutex_;
  std::size_t refused_ = 0;
};

/// Says that an interpreter has died, unless it was asked to end.
void show_death(screen& out, const ia::death_report& report) {
  if (report.reason != ia::death_reason::normal && report.reason != ia::death_reason::shutdown)
    out.print(out.paint(colour::yellow, "  " + report.child + " has died. ") + quoted(report.text, "")
              + '\n');
}

/// Says which interpreters have died of what nobody could handle, and how the last of them did.
void show_letter(screen& out, const ia::dead_letter& letter) {
  if (letter.deaths.empty())
    return;
  out.print(out.paint(colour::yellow, "  The fleet gives a request up after "
                                          + several(letter.deaths.size(), "attempt") + ". The last one:")
            + '\n' + quoted(ia::describe(*letter.deaths.back()), "  | ") + "\n\n");
}

/// The files to measure: all, or every n-th where that is enough.
std::vector<source_file> sample_of(const source_files& sources) {
  auto step = sources.bytes / measured_bytes + 1;
  std::vector<source_file> result;
  for (std::size_t i = 0; i < sources.files.size(); i += step)
    result.push_back(sources.files[i]);
  return result;
}

speed median_of(std::vector<pass> passes, std::size_t interpreters) {
  auto middle = passes.begin() + static_cast<std::ptrdiff_t>(passes.size() / 2);
  std::nth_element(passes.begin(), middle, passes.end(), [](auto& a, auto& b) { return a.time < b.time; });
  return {interpreters, middle->time, middle->cpu_time};
}

/// Errors: std::runtime_error where two passes over the same files differ.
void check_agreement(const std::vector<source_file>& files, const pass& first, const pass& other) {
  for (std::size_t i = 0; i < files.size(); ++i) {
    auto& a = first.results[i];
    auto& b = other.results[i];
    if (a.what != b.what || a.found != b.found)
      throw std::runtime_error(files[i].name + ": two passes over it came to different results"
                               + (b.problem ? "\n" + ia::describe(b.problem) : ""));
  }
}

/// Indexes the same files again and again, with one interpreter and with all in turn, without chaos.
/// Errors: as `check_agreement`.
measurement measure(screen& out, const source_files& sources, indexer& one, indexer& all) {
  auto files = sample_of(sources);
  measurement result{.files = files.size(), .rounds = rounds};
  for (auto& file : files)
    result.bytes += file.bytes.size();
  std::vector<indexer*> fleets{&one};
  if (all.size() > 1)
    fleets.push_back(&all);
  out.print('\n' + out.paint(colour::bold, "2/2  Measuring") + ", without chaos: " + several(rounds, "round")
            + " with 1 interpreter"
            + (fleets.size() > 1 ? " and with " + grouped(all.size()) + " in turn" : "") + "\n\n");
  std::vector<std::vector<pass>> passes(fleets.size());
  out.begin(files.size() * rounds * fleets.size(), "files");
  for (std::size_t round = 0; round < rounds; ++round) {
    for (std::size_t i = 0; i < fleets.size(); ++i) {
      passes[i].push_back(fleets[i]->run(files, {}, {{}, [&out](auto&&...) { out.advance(); }}));
      check_agreement(files, passes[0][0], passes[i].back());
    }
  }
  out.end();
  result.one = median_of(passes[0], 1);
  if (fleets.size() > 1)
    result.all = median_of(passes[1], all.size());
  return result;
}

/// Whether no file but the poisonous one kept interpreters from working.
bool all_answered(const pass& index, const chaos_files& chaos) {
  for (std::size_t i = 0; i < index.results.size(); ++i) {
    auto what = index.results[i].what;
    if (what == state::unanswered || (what == state::dead_letter && chaos.poison != i))
      return false;
  }
  return true;
}

} // namespace

int main(int argc, char** argv) {
  options chosen;
  screen out;
  chosen.deaths = [&out](const ia::death_report& report) { show_death(out, report); };
  chosen.dead_letters = [&out](const ia::dead_letter& letter) { show_letter(out, letter); };
  return ia::run_main(chosen, argc, argv, [&](ia::runtime& rt) {
    auto begun = std::chrono::steady_clock::now();
    fs::path here{INDEX_SOURCES_DIR};
    auto code = here / "index_sources.py";
    auto count = chosen.workers ? chosen.workers : std::max(1u, std::thread::hardware_concurrency());
    indexer work{rt, code, count};
    std::chrono::duration<double> start_time = std::chrono::steady_clock::now() - begun;

    auto broken = here / "data" / "broken.py";
    std::vector<fs::path> paths;
    for (auto& path : ia::compat::remainder(chosen))
      paths.emplace_back(path);
    auto where = paths.size() == 1 ? quoted(paths.front().string(), "") : several(paths.size(), "path");
    if (paths.empty()) {
      paths.push_back(work.library());
      where = "the standard library (" + work.library().string() + ")";
    }
    paths.push_back(broken);
    auto sources = map_sources(paths);
    if (sources.files.size() == 1 && sources.files.front().path == broken)
      throw std::runtime_error("no Python files in " + where
                               + (sources.unreadable.empty() ? "" : " (" + sources.unreadable.front() + ")"));
    auto chaos = chosen.chaos ? choose_chaos(sources.files, broken) : chaos_files{};
    introduce(out, sources, where, work, start_time, chaos);

    out.print('\n' + out.paint(colour::bold, "1/2  Indexing") + " with " + several(work.size(), "interpreter")
              + " at once\n\n");
    reporter events{out, sources, chaos};
    out.begin(sources.files.size(), "files");
    auto index = work.run(sources.files, chaos, events.watch());
    out.end();

    std::optional<measurement> measured;
    if (all_answered(index, chaos)) {
      indexer one{rt, code, 1};
      measured = measure(out, sources, one, work);
    }
    print_index(out, sources, index, chaos);
    if (measured)
      print_speed(out, *measured);
    out.print('\n' + out.paint(colour::bold, "  The fleet") + " at the end\n" + quoted(work.to_text(), "  "));
    bool well = went_well(sources, index, chaos);
    out.print('\n'
              + (well ? out.paint(colour::green, "All went as announced.")
                      : out.paint(colour::red, "Not all went well: see the table."))
              + '\n');
    return well ? 0 : 1;
  });
}
