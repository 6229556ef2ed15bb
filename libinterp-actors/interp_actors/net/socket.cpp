#include "interp_actors/net/socket.hpp"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <system_error>

namespace interp_actors {

namespace {

using address_list = std::unique_ptr<::addrinfo, decltype(&::freeaddrinfo)>;

address_list resolve(const endpoint& where, int flags) {
  ::addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = flags | AI_NUMERICSERV;
  ::addrinfo* found = nullptr;
  auto status = ::getaddrinfo(where.host.c_str(), std::to_string(where.port).c_str(), &hints, &found);
  if (status != 0)
    throw std::runtime_error("the host '" + where.host + "' cannot be found: " + ::gai_strerror(status));
  return {found, &::freeaddrinfo};
}

std::string error_text(int error) {
  return std::generic_category().message(error);
}

bool is_loopback(const ::sockaddr& address) {
  if (address.sa_family == AF_INET) {
    ::sockaddr_in v4{};
    std::memcpy(&v4, &address, sizeof v4);
    return (ntohl(v4.sin_addr.s_addr) >> 24) == 127;
  }
  ::sockaddr_in6 v6{};
  std::memcpy(&v6, &address, sizeof v6);
  if (address.sa_family != AF_INET6)
    return false;
  if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr))
    return v6.sin6_addr.s6_addr[12] == 127;
  return IN6_IS_ADDR_LOOPBACK(&v6.sin6_addr);
}

void set_option(int fd, int level, int option, int value) {
  ::setsockopt(fd, level, option, &value, sizeof value); // what the system does not know, it does not need
}

/// Waits until `fd` is connected; returns an errno, ECANCELED where somebody wants it no more.
int wait_connected(int fd, time_point until, const wait_canceller& canceller) {
  for (;;) {
    auto left = std::chrono::ceil<std::chrono::milliseconds>(until - deadline_clock::now()).count();
    if (left <= 0)
      return ETIMEDOUT;
    std::array<::pollfd, 2> what{{{fd, POLLOUT, 0}, {canceller.fd(), POLLIN, 0}}};
    auto ready = ::poll(what.data(), what.size(),
                        static_cast<int>(std::min<long long>(left, std::numeric_limits<int>::max())));
    if (ready < 0 && errno != EINTR)
      return errno;
    if (ready > 0 && what[1].revents != 0)
      return ECANCELED;
    if (ready > 0) {
      int error = 0;
      ::socklen_t size = sizeof error;
      return ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 ? error : errno;
    }
  }
}

} // namespace

std::string to_string(const endpoint& where) {
  auto host = where.host.find(':') == std::string::npos ? where.host : "[" + where.host + "]";
  return host + ":" + std::to_string(where.port);
}

std::optional<endpoint> parse_endpoint(std::string_view text) {
  auto colon = text.rfind(':');
  if (colon == std::string_view::npos)
    return std::nullopt;
  endpoint result;
  auto host = text.substr(0, colon);
  auto port = text.substr(colon + 1);
  if (host.starts_with('[') && host.ends_with(']'))
    host = host.substr(1, host.size() - 2);
  else if (host.find(':') != std::string_view::npos)
    return std::nullopt; // an address of IPv6 without brackets: nobody knows where it ends
  auto [end, problem] = std::from_chars(port.data(), port.data() + port.size(), result.port);
  if (host.empty() || problem != std::errc{} || end != port.data() + port.size())
    return std::nullopt;
  result.host = host;
  return result;
}

bool is_loopback(const endpoint& where) {
  auto found = resolve(where, 0);
  for (auto* each = found.get(); each; each = each->ai_next)
    if (!is_loopback(*each->ai_addr))
      return false;
  return true;
}

unique_fd::~unique_fd() {
  if (fd_ >= 0)
    ::close(fd_);
}

wait_canceller::wait_canceller() : event_{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)} {
  if (!event_)
    throw std::system_error(errno, std::generic_category(), "eventfd");
}

void wait_canceller::cancel() noexcept {
  ::eventfd_write(event_.get(), 1);
}

unique_fd connect_to(const endpoint& where, time_point until, std::chrono::milliseconds patience,
                     const wait_canceller& canceller) {
  auto found = resolve(where, 0);
  int problem = 0;
  for (auto* each = found.get(); each; each = each->ai_next) {
    unique_fd fd{
        ::socket(each->ai_family, each->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, each->ai_protocol)};
    if (!fd) {
      problem = errno;
      continue;
    }
    // Before anything is sent: it also limits the connecting itself.
    set_option(fd.get(), IPPROTO_TCP, TCP_USER_TIMEOUT, static_cast<int>(patience.count()));
    set_option(fd.get(), SOL_SOCKET, SO_KEEPALIVE, 1);
    problem = ::connect(fd.get(), each->ai_addr, each->ai_addrlen) == 0 ? 0 : errno;
    if (problem == EINPROGRESS)
      problem = wait_connected(fd.get(), until, canceller);
    if (problem == 0)
      return fd;
    if (problem == ECANCELED)
      break;
  }
  throw std::runtime_error("no connection to " + to_string(where) + ": " + error_text(problem));
}

unique_fd listen_at(endpoint& where) {
  auto found = resolve(where, AI_PASSIVE);
  int problem = 0;
  for (auto* each = found.get(); each; each = each->ai_next) {
    unique_fd fd{
        ::socket(each->ai_family, each->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, each->ai_protocol)};
    if (!fd) {
      problem = errno;
      continue;
    }
    set_option(fd.get(), SOL_SOCKET, SO_REUSEADDR, 1);
    ::sockaddr_storage own{};
    ::socklen_t size = sizeof own;
    if (::bind(fd.get(), each->ai_addr, each->ai_addrlen) == 0 && ::listen(fd.get(), SOMAXCONN) == 0
        && ::getsockname(fd.get(), reinterpret_cast<::sockaddr*>(&own), &size) == 0) {
      std::array<char, NI_MAXSERV> port{};
      ::getnameinfo(reinterpret_cast<::sockaddr*>(&own), size, nullptr, 0, port.data(), port.size(),
                    NI_NUMERICSERV);
      where.port = static_cast<std::uint16_t>(std::stoi(port.data()));
      return fd;
    }
    problem = errno;
  }
  throw std::runtime_error("cannot listen at " + to_string(where) + ": " + error_text(problem));
}

bool is_on_loopback(int fd) {
  ::sockaddr_storage own{};
  ::socklen_t size = sizeof own;
  return ::getsockname(fd, reinterpret_cast<::sockaddr*>(&own), &size) == 0
         && is_loopback(reinterpret_cast<const ::sockaddr&>(own));
}

std::string peer_of(int fd) {
  ::sockaddr_storage other{};
  ::socklen_t size = sizeof other;
  std::array<char, NI_MAXHOST> host{};
  if (::getpeername(fd, reinterpret_cast<::sockaddr*>(&other), &size) != 0
      || ::getnameinfo(reinterpret_cast<::sockaddr*>(&other), size, host.data(), host.size(), nullptr, 0,
                       NI_NUMERICHOST)
             != 0)
    return "an unknown address";
  return host.data();
}

} // namespace interp_actors
