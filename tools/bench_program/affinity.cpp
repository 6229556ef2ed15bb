#include "affinity.hpp"

#include <sched.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <string>
#include <system_error>

namespace ia_bench {

namespace {

/// The hyperthreads of the physical core that `core` belongs to: the kernel writes them like "0,4" or "0-1,8-9".
std::vector<int> siblings_of(int core, const std::filesystem::path& topology) {
  std::ifstream list{topology / ("cpu" + std::to_string(core)) / "topology" / "thread_siblings_list"};
  std::vector<int> result;
  for (int first = 0; list >> first; list.ignore()) {
    int last = first;
    if (list.peek() == '-')
      list.ignore() >> last;
    for (; first <= last; ++first)
      result.push_back(first);
  }
  return result;
}

} // namespace

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

std::vector<int> without_siblings(const std::vector<int>& cores, const std::filesystem::path& topology) {
  std::vector<int> result;
  for (auto core : cores) {
    auto siblings = siblings_of(core, topology);
    if (std::ranges::none_of(siblings,
                             [&](int one) { return std::ranges::find(result, one) != result.end(); }))
      result.push_back(core);
  }
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
