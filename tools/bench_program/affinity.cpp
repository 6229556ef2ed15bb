#include "affinity.hpp"

#include <sched.h>

#include <cerrno>
#include <system_error>

namespace ia_bench {

std::vector<int> allowed_cores() {
  cpu_set_t set;
  if (::sched_getaffinity(0, sizeof(set), &set) != 0)
    throw std::system_error(errno, std::generic_category(), "reading the cores that this thread may use");
  std::vector<int> result;
  for (int core = 0; core < CPU_SETSIZE; ++core)
    if (CPU_ISSET(static_cast<unsigned>(core), &set))
      result.push_back(core);
  return result;
}

void bind_to(const std::vector<int>& cores) {
  cpu_set_t set;
  CPU_ZERO(&set);
  for (auto core : cores)
    CPU_SET(static_cast<unsigned>(core), &set);
  if (::sched_setaffinity(0, sizeof(set), &set) != 0)
    throw std::system_error(errno, std::generic_category(), "binding this thread to its cores");
}

} // namespace ia_bench
