#include "folder_lock.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <stdexcept>
#include <string>
#include <system_error>

namespace ia_experiments {

folder_lock::folder_lock(const std::filesystem::path& folder) {
  auto path = folder / "lock";
  file_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (file_ < 0)
    throw std::runtime_error("cannot write in '" + folder.string()
                             + "': " + std::generic_category().message(errno));
  if (::flock(file_, LOCK_EX | LOCK_NB) != 0) {
    auto problem = errno;
    std::array<char, 32> owner{};
    auto size = ::read(file_, owner.data(), owner.size());
    ::close(file_);
    if (problem != EWOULDBLOCK)
      throw std::runtime_error("cannot lock '" + path.string()
                               + "': " + std::generic_category().message(problem));
    throw std::runtime_error("'" + folder.string() + "' is in use by process "
                             + std::string{owner.data(), static_cast<std::size_t>(size > 0 ? size : 0)}
                             + "; wait for it, or give another folder");
  }
  auto mine = std::to_string(::getpid());
  if (::ftruncate(file_, 0) != 0 || ::write(file_, mine.data(), mine.size()) < 0) {
    auto problem = errno;
    ::close(file_);
    throw std::runtime_error("cannot write '" + path.string()
                             + "': " + std::generic_category().message(problem));
  }
}

folder_lock::~folder_lock() {
  ::close(file_);
}

} // namespace ia_experiments
