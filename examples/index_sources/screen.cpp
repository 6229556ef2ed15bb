#include "screen.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace {

constexpr std::chrono::milliseconds between_drawings{50};
constexpr std::size_t longest_bar = 40;
/// Room for what stands beside the bar.
constexpr std::size_t beside_bar = 40;

bool is_set(const char* variable) {
  const char* value = std::getenv(variable);
  return value && *value;
}

bool is_terminal() {
  const char* kind = std::getenv("TERM");
  return ::isatty(STDOUT_FILENO) && kind && std::string_view{kind} != "dumb";
}

std::size_t columns() {
  winsize size{};
  return ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col != 0 ? size.ws_col : 80;
}

void write(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
}

std::string repeated(std::string_view piece, std::size_t times) {
  std::string result;
  for (; times > 0; --times)
    result += piece;
  return result;
}

} // namespace

// -- construction
// -----------------------------------------------------------------------------------------------------

screen::screen() : terminal_{is_terminal()}, colours_{terminal_ && !is_set("NO_COLOR")} {}

std::string screen::paint(colour how, std::string_view text) const {
  static constexpr const char* codes[] = {"0", "1", "2", "31", "32", "33"};
  if (!colours_ || how == colour::plain)
    return std::string{text};
  return std::string{"\033["} + codes[static_cast<int>(how)] + 'm' + std::string{text} + "\033[0m";
}

// -- operations
// -------------------------------------------------------------------------------------------------------

void screen::print(std::string_view text) {
  std::lock_guard guard{mutex_};
  if (shown_ && terminal_)
    write("\r\033[K");
  write(text);
  if (shown_ && terminal_)
    draw();
}

void screen::begin(std::size_t total, std::string unit) {
  std::lock_guard guard{mutex_};
  shown_ = true;
  done_ = 0;
  total_ = total;
  unit_ = std::move(unit);
  begun_ = std::chrono::steady_clock::now();
  if (terminal_)
    draw();
}

void screen::advance() {
  std::lock_guard guard{mutex_};
  auto tenth_before = total_ ? done_ * 10 / total_ : 0;
  ++done_;
  if (terminal_) {
    if (std::chrono::steady_clock::now() - drawn_ >= between_drawings)
      draw();
  } else if (total_ && done_ * 10 / total_ != tenth_before && done_ < total_) {
    write(bar() + '\n');
  }
}

void screen::end() {
  std::lock_guard guard{mutex_};
  if (terminal_)
    draw();
  else
    write(bar());
  auto seconds = std::chrono::duration<double>{std::chrono::steady_clock::now() - begun_}.count();
  write("  " + fixed(seconds, 1) + " s\n");
  shown_ = false;
}

std::string screen::bar() const {
  auto share = total_ ? static_cast<double>(done_) / static_cast<double>(total_) : 1.0;
  auto text = right(std::to_string(static_cast<int>(share * 100)), 3) + " %  " + grouped(done_) + " of "
              + grouped(total_) + ' ' + unit_;
  auto room = columns();
  if (!terminal_ || room < beside_bar + 10)
    return "  " + text;
  auto length = std::min(longest_bar, room - beside_bar);
  auto full = static_cast<std::size_t>(share * static_cast<double>(length));
  auto rest = colours_ ? repeated("━", length - full) : repeated(" ", length - full);
  return "  " + paint(colour::green, repeated("━", full)) + paint(colour::dim, rest) + ' ' + text;
}

void screen::draw() {
  drawn_ = std::chrono::steady_clock::now();
  write("\r" + bar() + "\033[K");
}

// -- text
// -------------------------------------------------------------------------------------------------------------

std::string grouped(std::size_t count) {
  auto text = std::to_string(count);
  for (auto at = text.size(); at > 3; at -= 3)
    text.insert(at - 3, ",");
  return text;
}

std::string fixed(double value, int decimals) {
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", decimals, value);
  return text;
}

std::string right(std::string_view text, std::size_t width) {
  return std::string(width - std::min(width, text.size()), ' ') + std::string{text};
}

std::string left(std::string_view text, std::size_t width) {
  return std::string{text} + std::string(width - std::min(width, text.size()), ' ');
}

std::string quoted(std::string_view text, std::string_view margin) {
  std::string result;
  bool line_begins = true;
  for (char c : text) {
    if (line_begins)
      result += margin;
    line_begins = c == '\n';
    bool control = (static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t') || c == 0x7f;
    result += control ? '?' : c;
  }
  return result;
}
