#pragma once

#include <chrono>
#include <cstddef>
#include <mutex>
#include <string>
#include <string_view>

/// The standard output: text, and below it a progress bar, which text that is printed meanwhile moves down.
/// Where the output is no terminal, the bar is a line for every tenth. Thread: any.
class screen {
public:
  enum class colour { plain, bold, dim, red, green, yellow };

  screen();

  /// Returns `text` in `how`, or as it is where the output shows no colours.
  std::string paint(colour how, std::string_view text) const;

  /// Prints `text`, which ends with a newline, above the bar.
  void print(std::string_view text);

  /// Shows a bar for `total` steps of something that is called `unit`.
  void begin(std::size_t total, std::string unit);

  /// One step more is done.
  void advance();

  /// Leaves the bar as it is, with the time it took.
  void end();

private:
  std::string bar() const;
  void draw();

  const bool terminal_;
  const bool colours_;
  std::mutex mutex_;
  bool shown_ = false;
  std::size_t done_ = 0;
  std::size_t total_ = 0;
  std::string unit_;
  std::chrono::steady_clock::time_point begun_;
  std::chrono::steady_clock::time_point drawn_;
};

/// `count` with separators: "11,272,138".
std::string grouped(std::size_t count);

/// `value` with that many decimals.
std::string fixed(double value, int decimals);

/// `text` behind blanks, `width` characters in all.
std::string right(std::string_view text, std::size_t width);

/// `text` before blanks, `width` characters in all.
std::string left(std::string_view text, std::size_t width);

/// Every line of `text` behind a margin, with control characters made visible: a file's text may hold
/// anything.
std::string quoted(std::string_view text, std::string_view margin);
