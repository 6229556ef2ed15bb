#include <fcntl.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

#include "cases.hpp"

/// The program `interp-actors sweep`, with trials that do nothing.
namespace ia_bench {

namespace {

namespace fs = std::filesystem;

constexpr int few = 2;
/// So many hundreds besides: what one takes is lost in what a start takes now and then.
constexpr int hundreds = 10;

/// An experiment in a folder for temporary files.
class experiment {
public:
  explicit experiment(std::string program) : program_{std::move(program)} {
    auto pattern = (fs::temp_directory_path() / "interp-actors-bench-XXXXXX").string();
    if (!::mkdtemp(pattern.data()))
      throw std::system_error(errno, std::generic_category(), "making a folder for a sweep");
    folder_ = pattern;
    std::ofstream{folder_ / "nothing.py"} << "def run(params, report):\n    return {}\n";
  }
  experiment(const experiment&) = delete;
  experiment& operator=(const experiment&) = delete;
  ~experiment() {
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
  }

  /// The milliseconds of processor time that a sweep of so many trials takes. Bound to one core, it takes as long, where nothing else
  /// runs there: it waits for nothing.
  double milliseconds(int trials) {
    auto out = folder_ / ("out-" + std::to_string(++runs_));
    std::string grid = "n=0";
    for (int i = 1; i < trials; ++i)
      grid += ',' + std::to_string(i);
    std::vector<std::string> arguments{program_, "sweep",      (folder_ / "nothing.py").string(),
                                       "--out",  out.string(), "--jobs",
                                       "2",      "--grid",     grid};
    std::vector<char*> pointers;
    for (auto& each : arguments)
      pointers.push_back(each.data());
    pointers.push_back(nullptr);
    ::posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    ::posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    ::pid_t process = -1;
    auto problem = ::posix_spawn(&process, program_.c_str(), &actions, nullptr, pointers.data(), environ);
    ::posix_spawn_file_actions_destroy(&actions);
    if (problem != 0)
      throw std::system_error(problem, std::generic_category(), "starting " + program_);
    int status = 0;
    ::rusage used{};
    while (::wait4(process, &status, 0, &used) < 0 && errno == EINTR) {
    }
    if (status != 0)
      throw std::runtime_error("a sweep of trials that do nothing has failed");
    std::error_code ignored;
    fs::remove_all(out, ignored);
    auto in_milliseconds = [](const ::timeval& time) {
      return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_usec) / 1e3;
    };
    return in_milliseconds(used.ru_utime) + in_milliseconds(used.ru_stime);
  }

private:
  const std::string program_;
  fs::path folder_;
  int runs_ = 0;
};

} // namespace

void add_sweep(session& s) {
  constexpr const char* name = "100 trials that do nothing, beyond a sweep's start and end";
#ifdef INTERP_ACTORS_BENCH_PROGRAM
  auto of = std::make_shared<experiment>(INTERP_ACTORS_BENCH_PROGRAM);
  // One after the other, so that both meet the same machine. A difference of zero would be no figure.
  auto beyond = s.add({"sweep", "ms", [of](std::size_t n) {
                         double sum = 0;
                         for (std::size_t i = 0; i < n; ++i)
                           sum += (of->milliseconds(few + hundreds * 100) - of->milliseconds(few)) / hundreds;
                         return std::max(sum / static_cast<double>(n), 0.001);
                       }});
  auto limit = s.add({"0.1 s", "ms", [](std::size_t) { return 100.0; }, true});
  s.compare(name, beyond, limit, at_most(1));
#else
  s.leave_out(name, "the program interp-actors is not part of this build");
#endif
}

} // namespace ia_bench
