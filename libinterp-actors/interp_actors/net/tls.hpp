#pragma once

#include "interp_actors/net/certificate_files.hpp"

#include <memory>
#include <string>

namespace interp_actors {

/// What every connection of a process needs of TLS: both sides show a certificate of one authority, version 1.3 alone.
/// Immutable.
class tls_context {
public:
  /// Reads the files and checks that they belong together and are valid today.
  /// Errors: std::runtime_error that names the file and what is wrong with it.
  explicit tls_context(const certificate_files& files);
  tls_context(const tls_context&) = delete;
  tls_context& operator=(const tls_context&) = delete;
  ~tls_context();

private:
  friend class tls_session;
  struct data;
  const std::unique_ptr<data> data_;
};

/// One connection's state of TLS over a socket that does not block.
/// Thread: one at a time.
class tls_session {
public:
  enum class result { done, want_read, again, failed };

  /// Errors: std::bad_alloc.
  tls_session(std::shared_ptr<const tls_context> context, int fd, bool is_server);
  tls_session(const tls_session&) = delete;
  tls_session& operator=(const tls_session&) = delete;
  ~tls_session();

  /// Goes on with the handshake, which is to be done before anything else.
  result handshake();
  bool is_established() const noexcept { return established_; }

  /// `count` is what was read or written, where it is `done`.
  result read(void* bytes, std::size_t size, std::size_t& count);
  result write(const void* bytes, std::size_t size, std::size_t& count);

  /// Bytes that were decrypted and not read yet.
  std::size_t pending() const noexcept;

  /// Why it failed, in words.
  const std::string& problem() const noexcept { return problem_; }

private:
  struct data;

  result explain(int status);

  const std::shared_ptr<const tls_context> context_;
  const std::unique_ptr<data> data_;
  bool established_ = false;
  std::string problem_;
};

} // namespace interp_actors
