#pragma once

#include <chrono>
#include <cstddef>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

namespace ia_experiments {

/// How far a command has come.
struct progress {
  /// What is counted: "trials".
  std::string unit;
  /// Nothing where nobody knows how many there will be.
  std::optional<std::size_t> total;
  /// Those that have come to their end, however, and those of them that did before this process began.
  std::size_t ended = 0;
  std::size_t ended_before = 0;
  std::size_t failed = 0;
  std::size_t pruned = 0;
  std::size_t running = 0;
  /// Why nothing can be done at present, in a few words.
  std::string trouble = {};
};

/// How long the rest takes if it goes on as it did for `elapsed`; nothing where that is not known.
std::optional<std::chrono::seconds> time_left(const progress& now, std::chrono::duration<double> elapsed);

/// "1 h 02 min", "3 min 20 s", "7 s".
std::string to_text(std::chrono::seconds time);

/// The counts and the time left in one line.
std::string to_text(const progress& now, std::chrono::duration<double> elapsed);

/// Shows on stderr how far a command has come: on a terminal as a bar in the last line, else as a line for every tenth of the work.
/// Thread: any.
class progress_display {
public:
  progress_display();
  progress_display(const progress_display&) = delete;
  progress_display& operator=(const progress_display&) = delete;

  /// Prints a line; a bar moves down.
  void say(std::string_view line);

  /// Shows `now`.
  void show(const progress& now);

  /// Takes the bar away.
  void clear();

  /// Columns of the terminal; 0 where stderr is none.
  int columns() const;

private:
  std::string bar() const;

  const bool terminal_;
  const bool colours_;
  const std::chrono::steady_clock::time_point begun_ = std::chrono::steady_clock::now();
  std::mutex mutex_;
  bool shown_ = false;
  progress now_;
  std::size_t tenths_ = 0;
};

/// Columns of the terminal behind a file descriptor; 0 where there is none.
int terminal_columns(int file);

} // namespace ia_experiments
