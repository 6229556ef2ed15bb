#include "progress.hpp"

#include <ftxui/dom/elements.hpp>
#include <ftxui/screen/screen.hpp>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace ia_experiments {

namespace {

constexpr std::size_t lines_without_total = 1000;

bool is_set(const char* variable) {
  const char* value = std::getenv(variable);
  return value && *value;
}

bool is_terminal(int file) {
  const char* kind = std::getenv("TERM");
  return ::isatty(file) && kind && std::string_view{kind} != "dumb";
}

void write(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stderr);
  std::fflush(stderr);
}

} // namespace

std::optional<std::chrono::seconds> time_left(const progress& now, std::chrono::duration<double> elapsed) {
  auto done = now.ended - now.ended_before;
  if (!now.total || done == 0)
    return std::nullopt;
  auto left = static_cast<double>(*now.total - std::min(*now.total, now.ended));
  return std::chrono::round<std::chrono::seconds>(elapsed / static_cast<double>(done) * left);
}

std::string to_text(std::chrono::seconds time) {
  auto all = time.count();
  char text[64];
  if (all >= 3600)
    std::snprintf(text, sizeof text, "%lld h %02lld min", static_cast<long long>(all / 3600),
                  static_cast<long long>(all / 60 % 60));
  else if (all >= 60)
    std::snprintf(text, sizeof text, "%lld min %02lld s", static_cast<long long>(all / 60),
                  static_cast<long long>(all % 60));
  else
    std::snprintf(text, sizeof text, "%lld s", static_cast<long long>(all));
  return text;
}

std::string to_text(const progress& now, std::chrono::duration<double> elapsed) {
  auto text = std::to_string(now.ended);
  if (now.total)
    text += " of " + std::to_string(*now.total);
  text += ' ' + now.unit;
  for (auto [count, what] :
       {std::pair{now.failed, "failed"}, {now.pruned, "pruned"}, {now.running, "running"}})
    if (count > 0)
      text += ", " + std::to_string(count) + ' ' + what;
  if (now.total && now.ended >= *now.total)
    return text;
  if (!now.trouble.empty())
    return text + ", " + now.trouble;
  if (auto left = time_left(now, elapsed))
    text += ", " + to_text(*left) + " left";
  return text;
}

int terminal_columns(int file) {
  winsize size{};
  if (!is_terminal(file))
    return 0;
  return ::ioctl(file, TIOCGWINSZ, &size) == 0 && size.ws_col != 0 ? size.ws_col : 80;
}

progress_display::progress_display()
    : terminal_{is_terminal(STDERR_FILENO)}, colours_{terminal_ && !is_set("NO_COLOR")} {}

int progress_display::columns() const {
  return terminal_columns(STDERR_FILENO);
}

void progress_display::say(std::string_view line) {
  std::lock_guard guard{mutex_};
  std::string text = shown_ ? "\r\033[K" : "";
  text += line;
  text += '\n';
  write(shown_ ? text + bar() : text);
}

void progress_display::show(const progress& now) {
  std::lock_guard guard{mutex_};
  now_ = now;
  if (terminal_) {
    shown_ = true;
    write('\r' + bar());
    return;
  }
  auto step =
      now.total ? now.ended * 10 / std::max<std::size_t>(*now.total, 1) : now.ended / lines_without_total;
  if (step != tenths_)
    write(to_text(now, std::chrono::steady_clock::now() - begun_) + '\n');
  tenths_ = step;
}

void progress_display::clear() {
  std::lock_guard guard{mutex_};
  if (shown_)
    write("\r\033[K");
  shown_ = false;
}

std::string progress_display::bar() const {
  using namespace ftxui;
  auto words = text(' ' + to_text(now_, std::chrono::steady_clock::now() - begun_));
  auto share =
      now_.total && *now_.total > 0 ? static_cast<float>(now_.ended) / static_cast<float>(*now_.total) : 0.0F;
  auto line = now_.total
                  ? hbox({(colours_ ? gauge(share) | color(Color::Green) : gauge(share)) | flex, words})
                  : words;
  // One column less than there are: a full line would wrap.
  auto screen = Screen::Create(Dimension::Fixed(std::max(columns() - 1, 10)), Dimension::Fixed(1));
  Render(screen, line);
  return screen.ToString();
}

} // namespace ia_experiments
