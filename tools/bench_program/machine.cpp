#include "machine.hpp"

#include <caf/config.hpp>

#include <sys/utsname.h>

#include <cstdlib>
#include <ctime>
#include <fstream>
#include <iomanip>
#include <sstream>

#include "calls.hpp"

namespace ia_bench {

namespace {

std::string cpu_model() {
  std::ifstream in{"/proc/cpuinfo"};
  for (std::string line; std::getline(in, line);)
    if (line.starts_with("model name"))
      if (auto colon = line.find(": "); colon != std::string::npos)
        return line.substr(colon + 2);
  return "unknown";
}

std::string kernel() {
  utsname names{};
  if (::uname(&names) != 0)
    return "unknown";
  return std::string{names.sysname} + " " + names.release + " " + names.machine;
}

/// What else runs: on a busy machine the figures are worth less, and those of two cores nothing.
std::string load() {
  double average = 0;
  if (::getloadavg(&average, 1) != 1)
    return "unknown";
  std::ostringstream out;
  out << std::fixed << std::setprecision(1) << average << " (last minute's average, before measuring)";
  return out.str();
}

std::string today() {
  auto now = std::time(nullptr);
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  char text[16];
  return {text, std::strftime(text, sizeof(text), "%Y-%m-%d", &parts)};
}

} // namespace

machine_facts read_machine(ia::runtime& rt, std::size_t cores) {
  auto teller = spawn(rt, "import sys\ndef version(view): return sys.version.split()[0].encode()\n");
  ia::caller me{rt.system()};
  auto python = checked(me.call(teller, "version", ia::shared_bytes::copy("")));
#ifdef __clang__
  std::string compiler = __VERSION__;
#else
  std::string compiler = "g++ " __VERSION__;
#endif
#ifdef NDEBUG
  std::string build = "optimised";
#else
  std::string build = "with assertions: these figures say little";
#endif
  return {
      {"CPU", cpu_model()},
      {"cores", std::to_string(cores)},
      {"kernel", kernel()},
      {"CPython", std::string{python.as_string_view()}},
      {"CAF", std::to_string(CAF_MAJOR_VERSION) + "." + std::to_string(CAF_MINOR_VERSION) + "."
                  + std::to_string(CAF_PATCH_VERSION)},
      {"compiler", compiler},
      {"build", build},
      {"load", load()},
      {"date", today()},
  };
}

} // namespace ia_bench
