#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace ia_bench {

/// One thing to measure.
struct bench_case {
  std::string name;
  /// Unit of the value: "ns" or "ms" for the time of one operation, "calls/s" for a throughput, "KiB" for memory.
  std::string unit;
  /// Does `n` operations and returns the value. Errors: any exception ends the program.
  std::function<double(std::size_t n)> measure;
  /// Whether it is measured once with `n` 1, not in each round: it takes seconds, and is no time that varies.
  bool once = false;
};

/// Returns a `bench_case::measure` that gives the time of one `operation()` in nanoseconds.
template <class F>
std::function<double(std::size_t)> nanoseconds_of(F operation) {
  return [operation = std::move(operation)](std::size_t n) mutable {
    using clock = std::chrono::steady_clock;
    auto begin = clock::now();
    for (std::size_t i = 0; i < n; ++i)
      operation();
    return std::chrono::duration<double, std::nano>(clock::now() - begin).count() / static_cast<double>(n);
  };
}

/// What a ratio should be.
struct goal {
  enum class sense { at_most, at_least };

  sense direction = sense::at_most;
  double ratio = 0;

  bool met_by(double measured) const {
    return direction == sense::at_most ? measured <= ratio : measured >= ratio;
  }
};

inline goal at_most(double ratio) {
  return {goal::sense::at_most, ratio};
}
inline goal at_least(double ratio) {
  return {goal::sense::at_least, ratio};
}

/// One line of the result: a case of ours beside its peer. Values are medians over the rounds.
struct row {
  std::string name;
  std::string unit;
  double value = 0;
  std::string peer;
  double peer_value = 0;
  double ratio = 0;
  std::optional<ia_bench::goal> goal;

  /// Nothing where there is no goal.
  std::optional<bool> met() const { return goal ? std::optional{goal->met_by(ratio)} : std::nullopt; }
};

/// All that a session found.
struct result {
  struct left_out_row {
    std::string name;
    std::string why;
  };

  std::vector<row> rows;
  std::vector<left_out_row> left_out;
  int rounds = 0;
  /// How far apart the quartiles of a case's rounds lie, as a part of its median: of the noisiest case.
  double worst_spread = 0;
  std::string worst_case;
};

/// Measures cases in turn, round after round, so that whatever else the machine does meets all of them alike.
/// Thread: one. Adding to it: `add` a case of ours and its peer, `compare` them.
class session {
public:
  using case_id = std::size_t;

  /// Rows in which neither the name nor the peer contains `only` are left away, with the cases that nothing
  /// else needs.
  explicit session(std::string only) : only_{std::move(only)} {}

  case_id add(bench_case one);

  /// Asks for a row.
  void compare(std::string name, case_id ours, case_id peer, std::optional<goal> goal = {});

  /// Says why a row is missing.
  void leave_out(std::string name, std::string why);

  /// Warms each case up, finds how many operations make a round of at least 10 ms, and measures.
  result run(int rounds);

private:
  struct entry {
    bench_case what;
    bool needed = false;
    std::size_t operations = 1;
    std::vector<double> values;
  };

  struct comparison {
    std::string name;
    case_id ours;
    case_id peer;
    std::optional<ia_bench::goal> goal;
  };

  static void calibrate(entry& one);
  bool wanted(const std::string& name) const { return name.find(only_) != std::string::npos; }

  std::string only_;
  std::vector<entry> cases_;
  std::vector<comparison> comparisons_;
  std::vector<result::left_out_row> left_out_;
};

} // namespace ia_bench
