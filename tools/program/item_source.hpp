#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace ia_program {

/// The items of `interp-actors map`, one after the other.
/// Thread: one at a time, but for `stop`, which any may call.
/// Death: whoever waits for a line that does not come is released by `stop`.
class item_source {
public:
  virtual ~item_source() = default;

  /// The next item; nothing at the end, or once stopped.
  /// Errors: std::runtime_error where a file cannot be read.
  virtual std::optional<std::string> next() = 0;

  /// How many there are, where that is known beforehand.
  virtual std::optional<std::size_t> count() const = 0;

  virtual void stop() = 0;
};

/// The items themselves.
class listed_items final : public item_source {
public:
  explicit listed_items(std::vector<std::string> items) : items_{std::move(items)} {}

  std::optional<std::string> next() override;
  std::optional<std::size_t> count() const override { return items_.size(); }
  void stop() override {} // nobody waits here

private:
  const std::vector<std::string> items_;
  std::size_t next_ = 0;
};

/// The lines of files, without their ends; `-` is stdin.
class lines_of_files final : public item_source {
public:
  explicit lines_of_files(std::vector<std::string> paths);
  lines_of_files(const lines_of_files&) = delete;
  lines_of_files& operator=(const lines_of_files&) = delete;
  ~lines_of_files() override;

  std::optional<std::string> next() override;
  std::optional<std::size_t> count() const override { return std::nullopt; }
  void stop() override;

private:
  bool open_next();
  bool read_more();

  const std::vector<std::string> paths_;
  std::size_t next_path_ = 0;
  int file_ = -1;
  int stopped_; // an eventfd that can be read once stopped
  std::string buffer_;
  std::size_t place_ = 0; // in `buffer_`, before which all is handed on
};

} // namespace ia_program
