#include "workforce.hpp"

#include <algorithm>
#include <condition_variable>
#include <cstdio>
#include <iostream>
#include <thread>
#include <vector>

#include "exit_codes.hpp"
#include "messages.hpp"
#include "user_code.hpp"

namespace ia_program {

namespace {

/// Loading the user's code may take its time, as where it reads data.
constexpr std::chrono::minutes start_deadline{10};
/// A worker may end as often as what it is given ends it; one that cannot even start gives up soon.
constexpr int deaths_in_period = 1000;
constexpr std::chrono::seconds period{10};
/// Who stops the workers has waited for them before, if at all: they are interrupted at once.
constexpr std::chrono::milliseconds time_to_stop{1};

caf::timespan to_timespan(double seconds) {
  return std::chrono::duration_cast<caf::timespan>(std::chrono::duration<double>{seconds});
}

std::string last_line(std::string text) {
  while (!text.empty() && text.back() == '\n')
    text.pop_back();
  return text.substr(text.rfind('\n') + 1);
}

/// Without the program's own frames, which tell the user nothing.
ia::python_error users_part(ia::python_error error) {
  for (auto& one : error.exceptions)
    std::erase_if(one.frames, [](auto& frame) { return frame.file == user_code::source_name; });
  return error;
}

} // namespace

std::size_t work_options::interpreters(std::size_t most) const {
  auto wanted = jobs > 0 ? jobs : std::max(1U, std::thread::hardware_concurrency());
  return std::clamp<std::size_t>(wanted, 1, std::max<std::size_t>(most, 1));
}

ia::fleet_options fleet_of_workers(const work_options& how, std::size_t count, worker_code code) {
  ia::fleet_options result{.source = ia::text(std::move(code.source), user_code::source_name),
                           .size = count,
                           .name = std::move(code.name),
                           .attempts = std::max(deaths_allowed, how.retry + 1),
                           .intensity = deaths_in_period,
                           .period = period,
                           .shutdown = ia::shutdown::within(time_to_stop),
                           .on_death = std::move(code.on_death)};
  result.deadlines = ia::deadline_start::taken; // waiting for an interpreter is nobody's fault
  result.spawn.start_deadline = start_deadline;
  if (how.timeout_seconds > 0)
    result.spawn.handler_deadlines = {{std::move(code.handler), to_timespan(how.timeout_seconds)}};
  return result;
}

failure failure::of(const caf::error& problem, const work_options& how) {
  failure result;
  auto raised = ia::python_error_of(problem);
  if (raised) {
    auto error = users_part(std::move(*raised));
    result.summary = last_line(error.summary());
    result.details = error.traceback();
  } else {
    result.details = ia::describe(problem) + '\n';
    result.summary = last_line(result.details);
  }
  if (problem == ia::errc::python_exception || problem == ia::errc::wrong_type) {
    result.what = kind::exception;
  } else if (problem == ia::errc::deadline_exceeded) {
    result.what = kind::timeout;
    char text[64];
    std::snprintf(text, sizeof text, "not done within %g s", how.timeout_seconds);
    result.summary = text;
  } else if (problem == ia::errc::exited || problem == ia::errc::crashed || problem == ia::errc::abandoned) {
    result.what = kind::died;
    result.summary = "ended its interpreter: " + result.summary;
  }
  return result;
}

std::string to_string(failure::kind what) {
  switch (what) {
  case failure::kind::exception:
    return "exception";
  case failure::kind::timeout:
    return "timeout";
  case failure::kind::died:
    return "died";
  case failure::kind::lost:
    return "lost";
  }
  return "unknown";
}

workforce::workforce(stop_requests& stops, ia::runtime& rt, std::function<void(const std::string&)> say)
    : runtime_{rt}, stops_{stops}, say_{std::move(say)} {
  stops_.listen([this](stop_requests::level now) {
    bool works = false;
    {
      std::lock_guard guard{mutex_};
      works = fleet_.has_value();
    }
    if (now == stop_requests::level::drain && works) {
      draining_ = true;
      say_("Waiting for what runs (" + std::to_string(asking_.load()) + "); once more, and it is stopped");
    } else {
      say_("Stopping");
      stop();
    }
  });
}

workforce::~workforce() {
  stops_.listen(nullptr);
  if (fleet_)
    fleet_->stop();
}

void workforce::employ(ia::fleet_control fleet, std::size_t count) {
  std::lock_guard guard{mutex_};
  fleet_ = std::move(fleet);
  count_ = count;
}

void workforce::stop() {
  draining_ = true;
  stopping_ = true;
  std::optional<ia::fleet_control> fleet;
  {
    std::lock_guard guard{mutex_};
    fleet = fleet_;
  }
  if (fleet)
    fleet->stop();
  else
    runtime_.stop(); // one that starts
}

void workforce::run(const std::function<bool(ia::caller&)>& step, std::chrono::milliseconds interval,
                    const std::function<void()>& tick) {
  std::mutex mutex;
  std::condition_variable changed;
  std::size_t working = count_;
  std::exception_ptr problem;
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < count_; ++i)
    threads.emplace_back([&] {
      ::pthread_setname_np(::pthread_self(), "asker");
      try {
        ia::caller me{runtime_.system()};
        while (!draining_) {
          ++asking_;
          bool more = step(me);
          --asking_;
          if (!more)
            break;
        }
      } catch (...) { // goes on in the thread that waits
        std::lock_guard guard{mutex};
        problem = std::current_exception();
        draining_ = true;
      }
      std::lock_guard guard{mutex};
      --working;
      changed.notify_all();
    });
  {
    std::unique_lock guard{mutex};
    while (!changed.wait_for(guard, interval, [&] { return working == 0; })) {
      guard.unlock();
      tick();
      guard.lock();
    }
  }
  for (auto& thread : threads)
    thread.join();
  if (problem)
    std::rethrow_exception(problem);
}

int run_work(const work_options& how, const std::function<int(ia::runtime&, stop_requests&)>& f) {
  ia::config config;
  config.deaths = [](const ia::death_report&) {};
  config.dead_letters = [](const ia::dead_letter&) {};
  std::vector<std::string> arguments{"interp-actors"};
  if (!how.virtual_env.empty())
    arguments.push_back("--interp-actors.virtual-env=" + how.virtual_env);
  std::vector<char*> pointers;
  for (auto& one : arguments)
    pointers.push_back(one.data());
  int code = 0;
  {
    // Before the runtime, which leaves signals alone that have a handler.
    stop_requests stops;
    code = ia::run_main<caf::id_block::program_types>(
        config, static_cast<int>(pointers.size()), pointers.data(), [&](ia::runtime& rt) {
          int result = exit_cannot_write;
          try {
            result = f(rt, stops);
          } catch (const std::exception& problem) {
            std::cerr << "interp-actors: " << problem.what() << '\n';
          }
          if (result == ended_by_signal) {
            rt.stop();
            if (rt.counts().abandoned > 0) // `run_main` would leave the process with this code
              end_by(stop_requests::signal());
          }
          return result;
        });
  }
  if (code == ended_by_signal)
    end_by(stop_requests::signal());
  return code;
}

} // namespace ia_program
