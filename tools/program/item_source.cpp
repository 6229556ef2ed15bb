#include "item_source.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <stdexcept>
#include <system_error>
#include <utility>

namespace ia_program {

std::optional<std::string> listed_items::next() {
  if (next_ == items_.size())
    return std::nullopt;
  return items_[next_++];
}

lines_of_files::lines_of_files(std::vector<std::string> paths)
    : paths_{std::move(paths)}, stopped_{::eventfd(0, EFD_CLOEXEC)} {
  if (stopped_ < 0)
    throw std::system_error(errno, std::generic_category(), "eventfd");
}

lines_of_files::~lines_of_files() {
  if (file_ > STDIN_FILENO)
    ::close(file_);
  ::close(stopped_);
}

void lines_of_files::stop() {
  ::eventfd_write(stopped_, 1);
}

bool lines_of_files::open_next() {
  if (file_ > STDIN_FILENO)
    ::close(file_);
  file_ = -1;
  if (next_path_ == paths_.size())
    return false;
  auto& path = paths_[next_path_++];
  file_ = path == "-" ? STDIN_FILENO : ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file_ < 0)
    throw std::runtime_error("cannot read '" + path + "': " + std::generic_category().message(errno));
  return true;
}

bool lines_of_files::read_more() {
  std::array<::pollfd, 2> both{{{file_, POLLIN, 0}, {stopped_, POLLIN, 0}}};
  while (::poll(both.data(), both.size(), -1) < 0 && errno == EINTR) {
  }
  if (both[1].revents != 0)
    return false;
  std::array<char, 65536> chunk;
  ssize_t size = 0;
  while ((size = ::read(file_, chunk.data(), chunk.size())) < 0 && errno == EINTR) {
  }
  if (size < 0)
    throw std::runtime_error("cannot read '" + paths_[next_path_ - 1]
                             + "': " + std::generic_category().message(errno));
  buffer_.append(chunk.data(), static_cast<std::size_t>(size));
  return size > 0;
}

std::optional<std::string> lines_of_files::next() {
  std::size_t searched = place_;
  for (;;) {
    if (auto end = buffer_.find('\n', searched); end != std::string::npos) {
      auto line = buffer_.substr(place_, end - place_);
      place_ = end + 1;
      return line;
    }
    buffer_.erase(0, std::exchange(place_, 0));
    searched = buffer_.size();
    if (file_ >= 0 && read_more())
      continue;
    ::pollfd stopped{stopped_, POLLIN, 0};
    if (::poll(&stopped, 1, 0) == 1)
      return std::nullopt;
    // The file is at its end: what has no newline is a line, too.
    if (file_ >= 0 && !buffer_.empty()) {
      auto line = std::exchange(buffer_, {});
      (void)open_next();
      return line;
    }
    if (!open_next())
      return std::nullopt;
  }
}

} // namespace ia_program
