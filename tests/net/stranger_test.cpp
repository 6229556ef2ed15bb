#include <caf/actor_cast.hpp>
#include <caf/binary_serializer.hpp>
#include <caf/byte_buffer.hpp>
#include <caf/io/all.hpp>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <random>

#include "net/certificates.hpp"
#include "net/resident.hpp"
#include "net/with_nodes.hpp"

using namespace ia_test;

namespace {

/// Somebody who knows where a node listens, and speaks to it as he likes.
class visitor {
public:
  explicit visitor(const node_process& node) {
    auto port = std::stoi(node.name().substr(node.name().rfind(':') + 1));
    fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ::sockaddr_in where{};
    where.sin_family = AF_INET;
    where.sin_port = htons(static_cast<std::uint16_t>(port));
    where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(fd_, reinterpret_cast<::sockaddr*>(&where), sizeof where) != 0)
      throw std::system_error(errno, std::generic_category(), "connect");
  }
  visitor(const visitor&) = delete;
  visitor& operator=(const visitor&) = delete;
  ~visitor() { ::close(fd_); }

  /// Returns false where the node has closed the connection.
  bool say(const std::string& bytes) { return ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL) >= 0; }

  /// Reads until the node closes the connection; returns false where it does not, for as long as tests wait.
  bool is_shown_out() {
    std::array<char, 65'536> chunk{};
    for (auto until = std::chrono::steady_clock::now() + patience;
         std::chrono::steady_clock::now() < until;) {
      ::pollfd ready{fd_, POLLIN, 0};
      if (::poll(&ready, 1, 100) > 0 && ::recv(fd_, chunk.data(), chunk.size(), 0) <= 0)
        return true;
    }
    return false;
  }

private:
  int fd_ = -1;
};

/// Header of a message of CAF's protocol, as both versions write it: operation, padding, flags, length of the payload, and three
/// numbers.
std::string header(std::uint8_t operation, std::uint32_t payload) {
  std::string result(32, '\0');
  result[0] = static_cast<char>(operation);
  for (int i = 0; i < 4; ++i)
    result[static_cast<std::size_t>(4 + i)] = static_cast<char>(payload >> (24 - 8 * i));
  return result;
}

constexpr std::uint8_t server_handshake = 0;
constexpr std::uint8_t client_handshake = 1;
constexpr std::uint8_t direct_message = 2;
constexpr std::uint8_t heartbeat = 6;

class Visited : public with_nodes {
protected:
  /// What CAF's protocol begins with.
  std::string handshake() {
    caf::byte_buffer name;
    caf::binary_serializer sink{system(), name};
    EXPECT_TRUE(sink.apply(system().node()));
    return header(client_handshake, static_cast<std::uint32_t>(name.size()))
           + std::string{reinterpret_cast<const char*>(name.data()), name.size()};
  }

  /// Connects where there is no connection yet.
  void expect_service(const node_process& node) {
    auto link = rt().connect(node.name());
    ASSERT_TRUE(link) << ia::describe(link.error());
    auto tree = supervise_one("def echo(v): return v\n");
    EXPECT_EQ(call(at(tree, "one"), "echo", "as ever"), "as ever");
    tree.stop();
  }
  void expect_service() { expect_service(process()); }
};

TEST_F(Visited, OneActorIsThereWhichKnowsOneMessageAndNothingToSpawn) {
  auto node = start_node();
  auto port = static_cast<std::uint16_t>(std::stoi(node.name().substr(node.name().rfind(':') + 1)));
  auto gatekeeper = system().middleman().remote_actor<caf::actor>("127.0.0.1", port);
  ASSERT_TRUE(gatekeeper) << caf::to_string(gatekeeper.error());
  auto answer = me().request(caf::actor_cast<caf::strong_actor_ptr>(*gatekeeper),
                             caf::make_message(ia::call_atom_v, std::string{"f"}, ia::shared_bytes{}));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error(), caf::sec::unexpected_message);
  for (auto* name : {"interpreter", "gatekeeper", "interp_actors.front"}) {
    auto spawned =
        system().middleman().remote_spawn<caf::actor>((*gatekeeper)->node(), name, caf::message{}, patience);
    EXPECT_FALSE(spawned) << name;
  }
  expect_service();
}

TEST_F(Visited, RandomBytesAreShownOut) {
  start_node();
  auto before = open_files(std::to_string(process().pid()));
  std::mt19937 random{42};
  for (int i = 0; i < 100; ++i) {
    visitor stranger{process()};
    std::string bytes(32 + random() % 5000, '\0');
    for (auto& each : bytes)
      each = static_cast<char>(random());
    // The first 32 bytes are a header. One of a handshake that announces what is not sent waits in vain: see below.
    if (i % 2)
      bytes[0] = static_cast<char>(random() % 7);
    if (bytes[0] == server_handshake || bytes[0] == client_handshake)
      bytes[4] = static_cast<char>(0x40 | random());
    stranger.say(bytes);
    EXPECT_TRUE(stranger.is_shown_out());
  }
  wait_until([&] { return open_files(std::to_string(process().pid())) < before + 10; },
             "their connections' end");
  expect_service();
}

TEST_F(Visited, WhatIsNoHandshakeAtTheBeginningIsShownOut) {
  start_node();
  auto with_data = header(server_handshake, 0);
  with_data[15] = 1; // CAF does not look at it without
  for (auto& bytes : {header(server_handshake, 0), with_data, header(client_handshake, 0),
                      header(heartbeat, 0), header(direct_message, 100) + std::string(100, 'x')}) {
    visitor stranger{process()};
    stranger.say(bytes);
    EXPECT_TRUE(stranger.is_shown_out());
  }
  visitor garbled{process()};
  garbled.say(header(client_handshake, 100) + std::string(100, '\xff'));
  EXPECT_TRUE(garbled.is_shown_out());
  expect_service();
}

TEST_F(Visited, HalfAFrameKeepsNobodyWaiting) {
  node_process node;
  visitor half_a_header{node};
  half_a_header.say(header(client_handshake, 100).substr(0, 7));
  visitor half_a_payload{node};
  half_a_payload.say(header(client_handshake, 100) + std::string(50, 'x'));
  visitor silent{node};
  expect_service(node);
}

TEST_F(Visited, AHeaderThatAnnouncesAGibibyteTakesNoMemory) {
  start_node();
  expect_service();
  auto before = resident_kib(std::to_string(process().pid()));
  for (int i = 0; i < 20; ++i) {
    visitor stranger{process()};
    stranger.say(header(client_handshake, 1u << 30));
    EXPECT_TRUE(stranger.is_shown_out());
  }
  EXPECT_LT(resident_kib(std::to_string(process().pid())), before + 100 * 1024);
  auto said = process().errors("announces a message of 1073741824 bytes");
  EXPECT_NE(said.find("announces a message of 1073741824 bytes; nothing larger than 65536 is taken"),
            std::string::npos)
      << said;
  expect_service();
}

TEST_F(Visited, NobodyWhoIsKnownAnnouncesAGibibyte) {
  start_node();
  visitor known{process()};
  known.say(handshake() + header(direct_message, 1u << 30));
  EXPECT_TRUE(known.is_shown_out());
  auto said = process().errors("nothing larger than");
  EXPECT_NE(said.find("ended the connection from 127.0.0.1: it announces a message of 1073741824 bytes; "
                      "nothing larger than 67108864 is taken"),
            std::string::npos)
      << said;
  expect_service();
}

TEST_F(Visited, WhoFallsSilentWithinAMessageIsShownOutInTime) {
  node_process node{
      {"--", "--caf.middleman.heartbeat-interval=50ms", "--caf.middleman.connection-timeout=200ms"}};
  visitor known{node};
  known.say(handshake() + header(direct_message, 1000) + std::string(500, 'x'));
  EXPECT_TRUE(known.is_shown_out());
}

TEST_F(Visited, ManyWhoSayNothingOrLittleKeepNobodyOut) {
  node_process node;
  auto before = open_files(std::to_string(node.pid()));
  std::vector<std::unique_ptr<visitor>> crowd;
  for (int i = 0; i < 300; ++i) {
    crowd.push_back(std::make_unique<visitor>(node));
    if (i % 3 == 0)
      crowd.back()->say("x");
    if (i % 3 == 1)
      crowd.back()->say(header(client_handshake, 1000));
  }
  expect_service(node);
  auto said = node.errors("too many others");
  EXPECT_NE(said.find("it did not say who it is, and too many others wanted to come in"), std::string::npos)
      << said;
  wait_until([&] { return open_files(std::to_string(node.pid())) < before + 100; }, "room at the door");
}

class VisitedWithTls : public with_nodes {
protected:
  VisitedWithTls() : VisitedWithTls{std::make_unique<certificates>()} {}
  explicit VisitedWithTls(std::unique_ptr<certificates> files)
      : with_nodes{with_certificates(*files)}, files_{std::move(files)} {}

  static ia::runtime_options with_certificates(const certificates& files) {
    auto options = network_options();
    options.network.certificates = files.files("controller");
    return options;
  }

  std::unique_ptr<certificates> files_;
};

TEST_F(VisitedWithTls, RandomBytesAreShownOut) {
  node_process node{files_->arguments("node")};
  auto before = open_files(std::to_string(node.pid()));
  std::mt19937 random{43};
  for (int i = 0; i < 30; ++i) {
    visitor stranger{node};
    std::string bytes(1 + random() % 3000, '\0');
    for (auto& each : bytes)
      each = static_cast<char>(random());
    bytes[0] = 1; // no record of TLS begins like that
    stranger.say(bytes + std::string(32, '\0'));
    EXPECT_TRUE(stranger.is_shown_out());
  }
  wait_until([&] { return open_files(std::to_string(node.pid())) < before + 10; }, "their connections' end");
  EXPECT_NE(node.errors("does not speak TLS").find("does not speak TLS 1.3"), std::string::npos)
      << node.errors();
}

TEST_F(VisitedWithTls, ManyWhoSayLittleKeepNobodyOut) {
  node_process node{files_->arguments("node")};
  auto before = open_files(std::to_string(node.pid()));
  std::vector<std::unique_ptr<visitor>> crowd;
  for (int i = 0; i < 300; ++i) {
    crowd.push_back(std::make_unique<visitor>(node));
    if (i % 2)
      crowd.back()->say(std::string{"\x16\x03\x01\x02\x00\x01", 6}); // a handshake of TLS begins like that
  }
  auto link = rt().connect(node.name());
  EXPECT_TRUE(link) << ia::describe(link.error());
  wait_until([&] { return open_files(std::to_string(node.pid())) < before + 100; }, "room at the door");
}

} // namespace
