#include "interp_actors/net/transport.hpp"

#include "interp_actors/actor/between_processes.hpp"
#include "interp_actors/actor/translate.hpp"
#include "interp_actors/message/types.hpp"

#include <caf/actor_cast.hpp>
#include <caf/init_global_meta_objects.hpp>
#include <caf/io/all.hpp>
#include <caf/io/basp_broker.hpp>
#include <caf/io/network/default_multiplexer.hpp>
#include <caf/io/network/doorman_impl.hpp>
#include <caf/io/network/native_socket.hpp>
#include <caf/io/network/stream_impl.hpp>

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <deque>
#include <optional>

namespace interp_actors {

namespace {

using caf::io::network::default_multiplexer;
using caf::io::network::native_socket;
using caf::io::network::rw_state;

using logger = std::function<void(const std::string&)>;

constexpr std::string_view section_key = "caf.middleman";
constexpr std::string_view interval_key = "heartbeat-interval";
constexpr std::string_view timeout_key = "connection-timeout";

/// Connections that may be there at any moment of those that have yet to say who they are.
constexpr std::size_t most_strangers = 64;

/// What CAF's handshakes take at most, with room to spare.
constexpr std::size_t most_handshake_bytes = std::size_t{64} << 10;

/// Refusals that are told.
constexpr std::size_t most_told = 1000;

caf::actor broker(caf::actor_system& system) {
  return system.middleman().named_broker<caf::io::basp_broker>("BASP");
}

/// Reads and writes one socket, through TLS where there is a session.
class wire_policy {
public:
  wire_policy(std::unique_ptr<tls_session> session, std::shared_ptr<connection> way, logger log)
      : session_{std::move(session)}, way_{std::move(way)}, log_{std::move(log)} {}

  rw_state read_some(std::size_t& count, native_socket fd, void* bytes, std::size_t size) {
    count = 0;
    if (session_) {
      if (auto state = shake_hands())
        return *state;
      if (size == 0)
        return rw_state::indeterminate;
      return judge(session_->read(bytes, size, count));
    }
    auto status = ::recv(fd, bytes, size, 0);
    if (status > 0)
      count = static_cast<std::size_t>(status);
    return status > 0 || would_block(status) ? rw_state::success : rw_state::failure;
  }

  rw_state write_some(std::size_t& count, native_socket fd, const void* bytes, std::size_t size) {
    count = 0;
    if (session_)
      if (auto state = shake_hands())
        return *state;
    if (size == 0)
      return rw_state::indeterminate;
    if (session_)
      return judge(session_->write(bytes, size, count));
    auto status = ::send(fd, bytes, size, MSG_NOSIGNAL);
    if (status > 0)
      count = static_cast<std::size_t>(status);
    return status >= 0 || would_block(status) ? rw_state::success : rw_state::failure;
  }

  bool must_read_more(native_socket, std::size_t threshold) {
    return session_ && session_->pending() >= threshold;
  }

private:
  static bool would_block(ssize_t status) {
    return status < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR);
  }

  /// Nothing once that is done.
  std::optional<rw_state> shake_hands() {
    if (session_->is_established())
      return std::nullopt;
    switch (session_->handshake()) {
    case tls_session::result::done:
      return std::nullopt;
    case tls_session::result::want_read:
      return rw_state::want_read;
    case tls_session::result::again:
      return rw_state::success;
    default:
      return fail();
    }
  }

  /// As CAF's own policy: what cannot go on counts as nothing that was done.
  rw_state judge(tls_session::result result) {
    return result == tls_session::result::failed ? fail() : rw_state::success;
  }

  rw_state fail() {
    way_->fail(session_->problem());
    if (log_ && !way_->is_established())
      log_("refused a connection from " + way_->peer() + ": " + way_->problem());
    return rw_state::failure;
  }

  const std::unique_ptr<tls_session> session_; // null for plain text
  const std::shared_ptr<connection> way_;
  const logger log_;
};

/// What CAF's protocol begins each message with, as far as it matters here.
/// Source: CAF 1.1.0, libcaf_io/caf/io/basp/header.hpp and message_type.hpp; the same in 0.18.7.
struct frame_header {
  static constexpr std::size_t size = 32;

  explicit frame_header(const void* bytes) {
    std::array<std::uint8_t, 8> begin{};
    std::memcpy(begin.data(), bytes, begin.size());
    is_handshake = begin[0] <= 1;
    for (std::size_t i = 4; i < begin.size(); ++i)
      payload = payload << 8 | begin[i];
  }

  bool is_handshake = false;
  std::size_t payload = 0;
};

/// One connection in CAF's event loop. It sees each header before CAF does, which takes as much memory as one announces, and
/// follows a null pointer where a handshake is empty.
/// Source: CAF 1.1.0, libcaf_openssl/caf/openssl/middleman_actor.cpp; the same in 0.18.7.
class wire final : public caf::io::scribe {
public:
  /// Takes `fd` over.
  wire(default_multiplexer& loop, int fd, std::unique_ptr<tls_session> session,
       std::shared_ptr<connection> way, logger log)
      : caf::io::scribe{caf::io::network::conn_hdl_from_socket(fd)},
        way_{std::move(way)},
        log_{std::move(log)},
        stream_{loop, fd, std::move(session), way_, log_} {
    way_->begin(fd);
  }
  ~wire() override { way_->end(); }

  bool consume(compat::execution_context* context, const void* bytes, std::size_t size) override {
    if (std::exchange(payload_follows_, false)) {
      auto result = scribe::consume(context, bytes, size);
      if (!detached() && !std::exchange(is_known_, true)) // that was a handshake
        way_->establish();
      return result;
    }
    if (size != frame_header::size)
      return refuse(context, "it begins a message with " + std::to_string(size) + " bytes");
    frame_header header{bytes};
    if (!is_known_ && !header.is_handshake)
      return refuse(context, "it does not speak CAF's protocol, or not from the beginning");
    if (header.is_handshake && header.payload == 0)
      return refuse(context, "its handshake is empty");
    auto most = is_known_ ? most_frame_bytes : most_handshake_bytes;
    if (header.payload > most)
      return refuse(context, "it announces a message of " + std::to_string(header.payload)
                                 + " bytes; nothing larger than " + std::to_string(most) + " is taken");
    payload_follows_ = header.payload > 0;
    return scribe::consume(context, bytes, size);
  }

  void configure_read(caf::io::receive_policy::config config) override {
    stream_.configure_read(config);
    if (std::exchange(launched_, true))
      return;
    stream_.start(this);
    stream_.force_empty_write(this); // the handshake may have something to write
  }
  void ack_writes(bool enable) override { stream_.ack_writes(enable); }
  caf::byte_buffer& wr_buf() override { return stream_.wr_buf(); }
  caf::byte_buffer& rd_buf() override { return stream_.rd_buf(); }
  void graceful_shutdown() override {
    stream_.graceful_shutdown();
    detach(&stream_.backend(), false);
  }
  void flush() override { stream_.flush(this); }
  std::string addr() const override { return peer_of(stream_.fd()); }
  std::uint16_t port() const override {
    auto port = caf::io::network::remote_port_of_fd(stream_.fd());
    return port ? *port : std::uint16_t{0};
  }
  void add_to_loop() override { stream_.activate(this); }
  void remove_from_loop() override { stream_.passivate(); }

private:
  bool refuse(compat::execution_context* context, std::string problem) {
    if (log_)
      log_((is_known_ ? "ended the connection from " : "refused a connection from ") + way_->peer() + ": "
           + problem);
    way_->fail(std::move(problem));
    way_->cut();
    io_failure(context, caf::io::network::operation::read);
    return false;
  }

  const std::shared_ptr<connection> way_;
  const logger log_;
  bool launched_ = false;
  bool is_known_ = false;
  bool payload_follows_ = false;
  caf::io::network::stream_impl<wire_policy> stream_;
};

caf::io::scribe_ptr make_wire(default_multiplexer& loop, unique_fd fd,
                              const std::shared_ptr<const tls_context>& tls, bool is_server,
                              const std::shared_ptr<connection>& way, const logger& log) {
  std::unique_ptr<tls_session> session;
  if (tls)
    session = std::make_unique<tls_session>(tls, fd.get(), is_server);
  return caf::make_counted<wire>(loop, fd.release(), std::move(session), way, log);
}

/// Lets connections in. Strangers, who have yet to say who they are, are few: the one that has been there longest makes
/// room for the next one.
class door final : public caf::io::network::doorman_impl {
public:
  door(default_multiplexer& loop, native_socket fd, std::shared_ptr<const tls_context> tls, logger log)
      : caf::io::network::doorman_impl{loop, fd}, tls_{std::move(tls)}, log_{std::move(log)} {}

  bool new_connection() override {
    unique_fd fd{acceptor_.accepted_socket()};
    if (detached())
      return false;
    auto way = std::make_shared<connection>();
    make_room();
    strangers_.push_back(way);
    caf::io::network::nonblocking(fd.get(), true);
    caf::io::network::keepalive(fd.get(), true);
    auto& loop = acceptor_.backend();
    caf::io::scribe_ptr made;
    try {
      made = make_wire(loop, std::move(fd), tls_, true, way, log_);
    } catch (const std::bad_alloc&) {
      log_("refused a connection: no memory");
      return false;
    }
    auto handle = made->hdl();
    parent()->add_scribe(std::move(made));
    return doorman::new_connection(&loop, handle);
  }

private:
  void make_room() {
    std::erase_if(strangers_, [](auto& each) {
      auto way = each.lock();
      return !way || way->is_established();
    });
    while (strangers_.size() >= most_strangers) {
      if (auto oldest = strangers_.front().lock()) {
        std::string problem = "it did not say who it is, and too many others wanted to come in";
        log_("refused a connection from " + oldest->peer() + ": " + problem);
        oldest->fail(std::move(problem));
        oldest->cut();
      }
      strangers_.pop_front();
    }
  }

  const std::shared_ptr<const tls_context> tls_;
  const logger log_;
  std::deque<std::weak_ptr<connection>> strangers_; // the oldest first
};

default_multiplexer& loop_of(caf::actor_system& system) {
  return static_cast<default_multiplexer&>(system.middleman().backend());
}

} // namespace

void init_network_types() {
  caf::io::middleman::init_global_meta_objects();
}

void add_network_options(caf::actor_system_config& config) {
  caf::io::middleman::add_module_options(config);
  auto& section = caf::put_dictionary(config.content, std::string{section_key});
  section.clear();                        // of defaults, which look like a user's choice
  section.insert_or_assign("workers", 0); // with workers a round trip takes four times as long (decision 17)
}

void load_network(caf::actor_system_config& config, caf::timespan patience) {
  caf::settings given;
  if (auto* section = caf::get_if<caf::settings>(&config.content, section_key))
    given = *section;
  config.load<caf::io::middleman>(); // CAF 1.1.0 forgets what it was told before
  auto& section = caf::put_dictionary(config.content, std::string{section_key});
  section.insert_or_assign(timeout_key, patience);
  section.insert_or_assign(interval_key, caf::timespan{patience / 4});
  for (auto& [key, value] : given)
    section.insert_or_assign(key, value);
}

bool has_network(caf::actor_system& system) {
  return system.has_middleman();
}

void connection::cut() noexcept {
  std::lock_guard guard{mutex_};
  if (fd_ >= 0)
    ::shutdown(fd_, SHUT_RDWR);
}

std::string connection::problem() const {
  std::lock_guard guard{mutex_};
  return problem_;
}

void connection::begin(int fd) {
  std::lock_guard guard{mutex_};
  fd_ = fd;
  peer_ = peer_of(fd);
}

void connection::end() noexcept {
  std::lock_guard guard{mutex_};
  fd_ = -1;
}

void connection::fail(std::string problem) {
  std::lock_guard guard{mutex_};
  if (problem_.empty())
    problem_ = std::move(problem);
}

void connection::establish() {
  std::lock_guard guard{mutex_};
  established_ = true;
}

bool connection::is_established() const {
  std::lock_guard guard{mutex_};
  return established_;
}

std::string connection::peer() const {
  std::lock_guard guard{mutex_};
  return peer_;
}

void hand_over(caf::actor_system& system, unique_fd fd, const std::shared_ptr<const tls_context>& tls,
               const std::shared_ptr<connection>& way, const caf::strong_actor_ptr& asker,
               caf::message_id id) {
  auto made = make_wire(loop_of(system), std::move(fd), tls, false, way, nullptr);
  auto to = caf::actor_cast<caf::strong_actor_ptr>(broker(system));
  to->enqueue(compat::make_element(asker, id,
                                   caf::make_message(caf::connect_atom_v, std::move(made), std::uint16_t{0})),
              nullptr);
}

caf::expected<caf::strong_actor_ptr> read_connected(const caf::message& answer) {
  if (answer.match_elements<caf::error>())
    return answer.get_as<caf::error>(0);
  if (!answer.match_elements<caf::node_id, caf::strong_actor_ptr, std::set<std::string>>())
    return caf::make_error(caf::sec::unexpected_response);
  auto found = answer.get_as<caf::strong_actor_ptr>(1);
  if (!found)
    return make_error(errc::refused, "nothing is published there");
  return found;
}

publication::publication(caf::actor_system& system, const caf::strong_actor_ptr& whom, std::uint16_t port,
                         unique_fd fd, std::shared_ptr<const tls_context> tls,
                         std::function<void(const std::string&)> log)
    : system_{system}, port_{port} {
  // In CAF's loop alone, so without a lock.
  auto once = [log = std::move(log),
               told = std::make_shared<std::set<std::string>>()](const std::string& what) {
    if (told->size() >= most_told || !told->insert(what).second)
      return;
    log(what);
    if (told->size() == most_told)
      log("more refusals than " + std::to_string(most_told) + " are not told");
  };
  caf::io::doorman_ptr made = caf::make_counted<door>(loop_of(system), fd.get(), std::move(tls), once);
  fd.release();
  compat::anonymous_send(broker(system), caf::publish_atom_v, std::move(made), port,
                         caf::strong_actor_ptr{whom}, std::set<std::string>{});
}

publication::~publication() {
  compat::anonymous_send(broker(system_), caf::close_atom_v, port_);
}

} // namespace interp_actors
