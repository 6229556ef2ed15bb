#pragma once

#include "interp_actors/actor/deadline.hpp"
#include "interp_actors/net/endpoint.hpp"

#include <utility>

namespace interp_actors {

/// A file descriptor that is closed with its owner.
class unique_fd {
public:
  unique_fd() = default;
  explicit unique_fd(int fd) noexcept : fd_{fd} {}
  unique_fd(unique_fd&& other) noexcept : fd_{std::exchange(other.fd_, -1)} {}
  unique_fd& operator=(unique_fd other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~unique_fd();

  int get() const noexcept { return fd_; }
  int release() noexcept { return std::exchange(fd_, -1); }
  explicit operator bool() const noexcept { return fd_ >= 0; }

private:
  int fd_ = -1;
};

/// Ends waiting in `connect_to` early.
/// Thread: any.
class wait_canceller {
public:
  wait_canceller();
  void cancel() noexcept;
  int fd() const noexcept { return event_.get(); }

private:
  unique_fd event_;
};

/// Connects to the first address of `where` that answers. The connection is given up by the system where the peer does
/// not acknowledge what was sent for `patience`.
/// Errors: std::runtime_error that says what was tried.
unique_fd connect_to(const endpoint& where, time_point until, std::chrono::milliseconds patience,
                     const wait_canceller& canceller);

/// Listens at `where`, whose port is the real one afterwards.
/// Errors: as above.
unique_fd listen_at(endpoint& where);

/// Whether a socket is bound to this machine's own loopback.
bool is_on_loopback(int fd);

/// The address of the other side, without its port, for people.
std::string peer_of(int fd);

} // namespace interp_actors
