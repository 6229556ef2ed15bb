#include "indexer.hpp"

#include <nlohmann/json.hpp>

#include <atomic>
#include <future>

namespace {

using nlohmann::json;
using state = file_result::state;

/// Whether Python's parser refused the file. It says ValueError where a null byte is in the way, for example.
bool does_not_parse(const ia::python_error& error) {
  auto type = error.type();
  bool is_parsers = type == "SyntaxError" || type == "IndentationError" || type == "TabError"
                    || type == "ValueError" || type == "RecursionError" || type == "MemoryError";
  auto& frames = error.exceptions.front().frames;
  return is_parsers && !frames.empty() && frames.back().function == "parse";
}

state state_for(const caf::error& problem) {
  if (problem == ia::errc::python_exception)
    return does_not_parse(*ia::python_error_of(problem)) ? state::refused : state::failed;
  if (problem == ia::errc::deadline_exceeded)
    return state::stopped;
  bool is_death =
      problem == ia::errc::exited || problem == ia::errc::crashed || problem == ia::errc::abandoned;
  return is_death ? state::dead_letter : state::unanswered;
}

} // namespace

indexer::indexer(ia::runtime& rt, const std::filesystem::path& code, std::size_t count)
    : runtime_{rt},
      size_{count},
      fleet_{ia::value_or_throw(
          rt.fleet({.source = ia::file(code),
                    .size = count,
                    .name = "indexer",
                    .spawn = {.functions = {"index", "about"}, .handler_deadlines = {{"index", deadline}}},
                    .attempts = attempts}))} {
  ia::caller me{rt.system()};
  auto about = json::parse(ia::value_or_throw(me.call(fleet_.handle(), "about")).as_string_view());
  version_ = about.at("version").get<std::string>();
  library_ = about.at("library").get<std::string>();
}

pass indexer::run(const std::vector<source_file>& files, const chaos_files& chaos, const observer& watch) {
  pass result;
  result.results.resize(files.size());
  std::atomic<std::size_t> next{0};
  // As many threads as interpreters: each takes the next file, asks the fleet, and waits for the answer, so that no
  // file waits in the fleet's queue while its deadline runs.
  auto work = [&] {
    ia::caller me{runtime_.system()};
    double cpu_seconds = 0;
    for (std::size_t i = next++; i < files.size(); i = next++) {
      std::vector<ia::shared_bytes> arguments{files[i].bytes, ia::shared_bytes::copy(files[i].path.string())};
      caf::timespan own_deadline{0}; // the handler's
      if (chaos.poison == i)
        arguments.push_back(ia::shared_bytes::copy("exit"));
      if (chaos.loop == i) {
        arguments.push_back(ia::shared_bytes::copy("loop"));
        own_deadline = chaos_deadline;
        watch.on_loop(i);
      }
      auto answer = me.call(fleet_.handle(), "index", std::move(arguments), own_deadline);
      auto& mine = result.results[i];
      if (answer) {
        auto found = json::parse(answer->as_string_view());
        mine.what = state::indexed;
        mine.found = {found.at("functions").get<std::size_t>(), found.at("classes").get<std::size_t>()};
        cpu_seconds += found.at("cpu_seconds").get<double>();
      } else {
        mine.what = state_for(answer.error());
        mine.problem = std::move(answer.error());
      }
      watch.on_result(i, mine);
    }
    return cpu_seconds;
  };
  auto begun = std::chrono::steady_clock::now();
  std::vector<std::future<double>> workers;
  for (std::size_t i = 0; i < size_; ++i)
    workers.push_back(std::async(std::launch::async, work));
  for (auto& worker : workers)
    result.cpu_time += std::chrono::duration<double>{worker.get()};
  result.time = std::chrono::steady_clock::now() - begun;
  return result;
}
