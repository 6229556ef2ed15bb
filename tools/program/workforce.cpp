#include "workforce.hpp"

#include <algorithm>
#include <condition_variable>
#include <cstdio>
#include <iostream>
#include <memory>
#include <thread>
#include <vector>

#include "exit_codes.hpp"
#include "messages.hpp"
#include "node_list.hpp"
#include "traceback.hpp"

namespace ia_program {

namespace {

/// Loading the user's code may take its time, as where it reads data.
constexpr std::chrono::minutes start_deadline{10};
/// A worker may end as often as what it is given ends it; one that cannot even start gives up soon.
constexpr int deaths_in_period = 1000;
constexpr std::chrono::seconds period{10};
/// Who stops the workers has waited for them before, if at all: they are interrupted at once.
constexpr std::chrono::milliseconds time_to_stop{1};
/// A node that takes no interpreter of ours, for whatever reason, is not asked all the time.
constexpr ia::backoff on_nodes_again{.initial = std::chrono::milliseconds{10},
                                     .maximum = std::chrono::seconds{5}};

caf::timespan to_timespan(double seconds) {
  return std::chrono::duration_cast<caf::timespan>(std::chrono::duration<double>{seconds});
}

std::string last_line(std::string text) {
  while (!text.empty() && text.back() == '\n')
    text.pop_back();
  return text.substr(text.rfind('\n') + 1);
}

/// What a fleet of workers is to be.
ia::fleet_options fleet_of_workers(const work_options& how, std::size_t count, const worker_code& code) {
  ia::fleet_options result{.source = ia::text(code.source, user_code::source_name),
                           .size = count,
                           .name = code.name,
                           .intensity = deaths_in_period,
                           .period = period,
                           .shutdown = ia::shutdown::within(time_to_stop),
                           .on_death = code.on_death};
  result.deadlines = ia::deadline_start::taken; // waiting for an interpreter is nobody's fault
  result.spawn.start_deadline = start_deadline;
  if (how.timeout_seconds > 0)
    result.spawn.handler_deadlines = {{code.handler, to_timespan(how.timeout_seconds)}};
  return result;
}

} // namespace

std::size_t work_options::interpreters(std::size_t most) const {
  auto wanted = jobs > 0 ? jobs : std::max(1U, std::thread::hardware_concurrency());
  return std::clamp<std::size_t>(wanted, 1, std::max<std::size_t>(most, 1));
}

int work_options::read_nodes(const std::string& command) {
  if (nodes_file.empty())
    return 0;
  int code = exit_usage;
  try {
    nodes = read_node_list(nodes_file, !certificates.empty());
    return 0;
  } catch (const std::invalid_argument& problem) {
    std::cerr << "interp-actors " << command << ": " << problem.what() << '\n';
  } catch (const std::runtime_error& problem) {
    std::cerr << "interp-actors " << command << ": " << problem.what() << '\n';
    code = exit_no_input;
  }
  return code;
}

failure failure::of(const caf::error& problem, const work_options& how, const user_code& code) {
  failure result;
  auto raised = ia::python_error_of(problem);
  if (raised) {
    auto error = users_part(std::move(*raised), code);
    result.summary = last_line(error.summary());
    result.details = error.traceback();
  } else {
    result.details = ia::describe(problem) + '\n';
    result.summary = last_line(result.details);
  }
  if (problem == ia::errc::python_exception || problem == ia::errc::wrong_type
      || problem == ia::errc::too_large) {
    result.what = kind::exception;
  } else if (problem == ia::errc::deadline_exceeded) {
    result.what = kind::timeout;
    char text[64];
    std::snprintf(text, sizeof text, "not done within %g s", how.timeout_seconds);
    result.summary = text;
  } else if (problem == ia::errc::exited || problem == ia::errc::crashed || problem == ia::errc::abandoned) {
    result.what = kind::died;
    result.summary = "ended its interpreter: " + result.summary;
  } else if (problem == ia::errc::node_lost) {
    result.what = kind::node_lost;
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
  case failure::kind::node_lost:
    return "node lost";
  case failure::kind::lost:
    return "lost";
  }
  return "unknown";
}

bool attempts::again(failure::kind what, bool draining) {
  switch (what) {
  case failure::kind::exception:
  case failure::kind::timeout:
    return ++failures_ <= how_.retry && !draining;
  case failure::kind::died:
    return ++deaths_ < std::max(deaths_allowed, how_.retry + 1);
  case failure::kind::node_lost:
    return ++losses_ < losses_allowed && !draining;
  case failure::kind::lost:
    break;
  }
  return false;
}

workforce::workforce(stop_requests& stops, ia::runtime& rt, const work_options& how,
                     std::function<void(const std::string&)> say)
    : runtime_{rt}, stops_{stops}, how_{how}, say_{std::move(say)} {
  if (how_.on_nodes())
    nodes_.emplace(runtime_, say_);
  stops_.listen([this](stop_requests::level now) {
    bool works = false;
    {
      std::lock_guard guard{mutex_};
      works = fleet_.has_value();
    }
    if (now == stop_requests::level::drain && works) {
      drain();
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

caf::error workforce::start(const std::function<caf::expected<crew>(ia::fleet_options)>& begin,
                            worker_code code, std::size_t most) {
  auto count = nodes_ ? 1 : how_.interpreters(most);
  auto started = nodes_ ? start_on_nodes(begin, code) : begin(fleet_of_workers(how_, count, code));
  if (!started)
    return std::move(started.error());
  std::lock_guard guard{mutex_};
  fleet_ = started->fleet;
  handle_ = started->handle;
  count_ = count;
  limit_ = std::min(std::max<std::size_t>(most, 1), how_.jobs > 0 ? how_.jobs : SIZE_MAX);
  return {};
}

caf::expected<workforce::crew>
workforce::start_on_nodes(const std::function<caf::expected<crew>(ia::fleet_options)>& begin,
                          const worker_code& code) {
  try {
    modules_.emplace(runtime_, code.user.modules);
  } catch (const std::exception&) {
    if (!stopping_) // which also ends who packs them
      throw;
    return ia::make_error(ia::errc::stopped, "it was to stop");
  }
  auto options = fleet_of_workers(how_, 1, code);
  options.on = ia::any_node;
  options.modules = {modules_->path()};
  options.virtual_env = how_.virtual_env;
  options.backoff = on_nodes_again;
  // The fleet's error says only that it did not start.
  auto node_lost = std::make_shared<std::atomic<bool>>(false);
  options.on_death = [node_lost, others = code.on_death](const ia::death_report& death) {
    if (death.reason == ia::death_reason::node_lost)
      *node_lost = true;
    if (others)
      others(death);
  };
  for (;;) {
    if (auto problem = nodes_->wait_for_slot())
      return problem;
    *node_lost = false;
    auto started = begin(options);
    if (started || !*node_lost)
      return started;
  }
}

int workforce::refuse(const caf::error& problem, const std::string& command, const user_code& code) const {
  if (stopping_)
    return ended_by_signal;
  auto why = failure::of(problem, how_, code);
  if (problem == ia::errc::no_node) {
    std::cerr << "interp-actors " << command << ": " << why.details;
    return exit_unavailable;
  }
  std::cerr << "interp-actors " << command << ": '" << code.path.string() << "' cannot be loaded:\n"
            << (why.summary.starts_with("CodeError: ") ? why.summary.substr(11) + '\n' : why.details);
  return exit_bad_code;
}

caf::expected<caf::message> workforce::ask(ia::caller& me, caf::message request) {
  return me.request(handle_, std::move(request));
}

caf::expected<std::string> workforce::ask_about() {
  ia::caller me{runtime_.system()};
  for (;;) {
    auto answer = ask(me, caf::make_message(about_atom_v));
    if (answer)
      return answer->get_as<std::string>(0);
    if (answer.error() != ia::errc::node_lost)
      return std::move(answer.error());
  }
}

std::string workforce::place() const {
  if (nodes_)
    return "nodes:" + nodes_->states();
  return std::to_string(count_) + (count_ == 1 ? " interpreter" : " interpreters");
}

void workforce::drain() {
  draining_ = true;
  if (nodes_)
    nodes_->enough();
}

void workforce::stop() {
  drain();
  stopping_ = true;
  if (nodes_)
    nodes_->cancel();
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
  std::size_t working = 0;
  std::exception_ptr problem;
  std::vector<std::thread> threads;
  auto work = [&] {
    ::pthread_setname_np(::pthread_self(), "asker");
    try {
      ia::caller me{runtime_.system()};
      while (!draining_) {
        ++asking_;
        bool more = step(me);
        --asking_;
        if (more)
          continue;
        if (nodes_)
          nodes_->enough();
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
  };
  if (nodes_)
    nodes_->grow(*fleet_, limit_, [&] {
      std::lock_guard guard{mutex};
      ++count_;
      changed.notify_all();
    });
  {
    std::unique_lock guard{mutex};
    auto next = std::chrono::steady_clock::now() + interval;
    do {
      for (; threads.size() < count_; ++working)
        threads.emplace_back(work);
      bool woken = changed.wait_until(guard, next, [&] { return working == 0 || threads.size() < count_; });
      if (woken)
        continue;
      next += interval;
      guard.unlock();
      std::exception_ptr failure;
      try {
        if (nodes_)
          nodes_->look();
        tick();
      } catch (...) { // those who ask end before what they use
        failure = std::current_exception();
        draining_ = true;
      }
      guard.lock();
      if (failure)
        problem = failure;
    } while (working > 0);
  }
  if (nodes_) { // before what they use is gone
    fleet_->stop();
    nodes_->end();
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
  config.network.nodes = how.nodes;
  config.network.certificates = how.certificates;
  if (!how.virtual_env.empty() && !how.on_nodes())
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
