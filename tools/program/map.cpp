#include "map.hpp"

#include <caf/send.hpp>
#include <caf/spawn_options.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <nlohmann/json.hpp>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <iostream>
#include <memory>
#include <mutex>
#include <system_error>

#include "../experiments/ordered_lines.hpp"
#include "../experiments/progress.hpp"
#include "embedded.hpp"
#include "exit_codes.hpp"
#include "item_source.hpp"
#include "messages.hpp"
#include "user_code.hpp"

namespace ia_program {

namespace fs = std::filesystem;

using namespace ia_experiments;
using nlohmann::ordered_json;

namespace {

constexpr std::chrono::milliseconds between_drawings{100};
/// How many results wait for an earlier one, for each interpreter.
constexpr std::size_t kept_for_each = 1000;
constexpr std::size_t expected_on_nodes = 64;
constexpr std::size_t failures_named = 20;

std::string json_text(const std::string& text) {
  return ordered_json(text).dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

std::unique_ptr<item_source> open_items(const map_options& how) {
  if (!how.lines && !how.files.empty())
    return std::make_unique<listed_items>(how.files);
  return std::make_unique<lines_of_files>(how.files.empty() ? std::vector<std::string>{"-"} : how.files);
}

/// One run of the command.
class mapping {
public:
  mapping(const map_options& how, user_code code, std::string function)
      : how_{how},
        code_{std::move(code)},
        function_{std::move(function)},
        items_{open_items(how)},
        takes_lines_{how.lines || how.files.empty()},
        most_{items_->count().value_or(SIZE_MAX)},
        results_{[this](const std::string& line) { write(line); },
                 kept_for_each * (how.work.on_nodes() ? expected_on_nodes : how.work.interpreters(most_))} {}

  int run(ia::runtime& rt, stop_requests& stops) {
    workforce workers{stops, rt, how_.work, [this](const std::string& line) { display_.say(line); }};
    workers_ = &workers;
    bool there = how_.work.on_nodes();
    auto program = (there ? std::string{output_py} : std::string{}) + std::string{item_py};
    if (auto problem = workers.start<item_worker>(
            {.name = "map",
             .user = code_,
             .source = code_.source(program, {{"function", function_}, {"lines", takes_lines_}}),
             .handler = there ? "apply_there" : "apply"},
            most_))
      return workers.refuse(problem, "map", code_);
    auto about = workers.ask_about();
    if (!about)
      return workers.refuse(about.error(), "map", code_);
    wants_data_ = ordered_json::parse(*about).at("arguments").get<int>() == 2;
    if (there)
      screen_ = show_output(rt.system());
    workers.run([&](ia::caller& asker) { return run_next(asker, workers); }, between_drawings,
                [&] {
                  if (workers.draining()) { // also what waits for a line that does not come
                    items_->stop();
                    results_.close();
                  }
                  display_.show(now());
                  std::fflush(stdout); // somebody may wait for results
                });
    if (screen_)
      caf::anon_send_exit(screen_, caf::exit_reason::user_shutdown);
    display_.show(now());
    display_.clear();
    if (std::fflush(stdout) != 0)
      broken_ = true;
    if (broken_)
      return exit_cannot_write;
    if (lost_)
      return exit_unavailable;
    if (no_input_)
      return exit_no_input;
    bool all_taken = !unfinished_ && (items_ended_ || taken_ == items_->count());
    if (stop_requests::signal() != 0 && !all_taken)
      return ended_by_signal;
    return failed_ > 0 || !all_taken ? exit_failed : 0;
  }

private:
  struct item {
    std::size_t number;
    std::string text;
  };

  /// Starts the actor that prints what items on nodes print, in a thread of its own, since it writes.
  item_screen show_output(caf::actor_system& system) {
    return system.spawn<caf::detached>([this]() -> item_screen::behavior_type {
      return {[this](output_atom, const std::string&, const std::string& text) -> caf::result<void> {
        if (!text.empty())
          display_.say(text.substr(0, text.size() - text.ends_with('\n')));
        return caf::unit;
      }};
    });
  }

  /// The next item once there is room for its result.
  std::optional<item> take(const workforce& workers) {
    std::lock_guard guard{taking_};
    if (items_ended_ || !results_.wait_for_room(taken_))
      return std::nullopt;
    try {
      if (auto text = items_->next())
        return item{taken_++, std::move(*text)};
      if (workers.draining()) // the source was stopped
        return std::nullopt;
    } catch (const std::runtime_error& problem) {
      display_.say(std::string{"interp-actors map: "} + problem.what());
      no_input_ = true;
    }
    items_ended_ = true;
    return std::nullopt;
  }

  bool run_next(ia::caller& me, workforce& workers) {
    auto one = take(workers);
    if (!one)
      return false;
    ++running_;
    bool more = run_one(me, workers, *one);
    --running_;
    return more;
  }

  bool run_one(ia::caller& me, workforce& workers, const item& one) {
    ia::shared_bytes data;
    if (wants_data_) {
      try {
        data = ia::shared_bytes::map_file(one.text);
      } catch (const std::system_error& problem) {
        fail(workers, one, {failure::kind::exception, problem.what(), ""});
        return true;
      }
    }
    attempts tries{how_.work};
    for (;;) {
      auto answer = workers.ask(me, screen_ ? caf::make_message(apply_there_atom_v, one.text, data, screen_)
                                            : caf::make_message(apply_atom_v, one.text, data));
      if (answer) {
        results_.put(one.number, R"({"item": )" + json_text(one.text) + R"(, "result": )"
                                     + answer->get_as<std::string>(0) + "}\n");
        ++ended_;
        return !broken_;
      }
      auto why = failure::of(answer.error(), how_.work, code_);
      bool node_lost = why.what == failure::kind::node_lost && workers.draining();
      if (workers.stopping() || why.what == failure::kind::lost || node_lost) {
        unfinished_ = true;
        if (!workers.stopping() && !node_lost && !lost_.exchange(true))
          display_.say("interp-actors map: the interpreters have come to their end: " + why.summary);
        workers.drain();
        results_.put(one.number, "");
        return false;
      }
      if (tries.again(why.what, workers.draining()))
        continue;
      fail(workers, one, why);
      return !broken_;
    }
  }

  void fail(workforce& workers, const item& one, const failure& why) {
    results_.put(one.number, R"({"item": )" + json_text(one.text) + R"(, "error": )" + json_text(why.summary)
                                 + R"(, "kind": ")" + to_string(why.what) + R"(", "traceback": )"
                                 + json_text(why.details) + "}\n");
    ++ended_;
    auto number = ++failed_;
    if (number <= failures_named)
      display_.say(one.text + ": " + why.summary);
    else if (number == failures_named + 1)
      display_.say("More items fail; the results say which");
    if (how_.work.fail_fast)
      workers.drain();
  }

  void write(const std::string& line) {
    if (broken_ || std::fwrite(line.data(), 1, line.size(), stdout) == line.size())
      return;
    display_.say(std::string{"interp-actors map: cannot write to stdout: "}
                 + std::generic_category().message(errno));
    broken_ = true;
  }

  progress now() const {
    return {.unit = takes_lines_ ? "lines" : "files",
            .total = items_->count(),
            .ended = ended_,
            .failed = failed_,
            .running = running_,
            .trouble = workers_->trouble()};
  }

  const map_options& how_;
  const user_code code_;
  const std::string function_;
  progress_display display_;
  std::unique_ptr<item_source> items_;
  const bool takes_lines_;
  const std::size_t most_; // items
  const workforce* workers_ = nullptr;
  item_screen screen_; // for nodes
  ordered_lines results_;
  bool wants_data_ = false;
  std::mutex taking_;
  std::size_t taken_ = 0;                // with `taking_`
  std::atomic<bool> items_ended_{false}; // there are no more, as far as is known
  std::atomic<bool> unfinished_{false};  // an item was taken and has no result
  std::atomic<bool> broken_{false}, lost_{false}, no_input_{false};
  std::atomic<std::size_t> ended_{0}, failed_{0}, running_{0};
};

} // namespace

int run_map(const map_options& how) {
  fs::path path = how.function;
  std::string function = "run";
  if (auto colon = how.function.rfind(':'); colon != std::string::npos && !fs::exists(path)) {
    path = how.function.substr(0, colon);
    function = how.function.substr(colon + 1);
  }
  std::optional<user_code> code;
  try {
    code = user_code::read(path);
    if (how.work.on_nodes())
      code->read_modules();
  } catch (const std::runtime_error& problem) {
    std::cerr << "interp-actors map: " << problem.what() << '\n';
    return exit_no_input;
  }
  mapping one{how, std::move(*code), std::move(function)};
  return run_work(how.work, [&](ia::runtime& rt, stop_requests& stops) { return one.run(rt, stops); });
}

} // namespace ia_program
