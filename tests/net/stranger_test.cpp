#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <fstream>
#include <random>

#include "net/certificates.hpp"
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

constexpr std::uint8_t client_handshake = 1;

std::size_t resident_kib(::pid_t pid) {
  std::ifstream status{"/proc/" + std::to_string(pid) + "/status"};
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("VmRSS:"))
      return std::stoul(line.substr(6));
  return 0;
}

class Visited : public with_nodes {
protected:
  void expect_service() {
    auto node = rt().connect(process().name());
    ASSERT_TRUE(node) << ia::describe(node.error());
    auto tree = supervise_one("def echo(v): return v\n");
    EXPECT_EQ(call(at(tree, "one"), "echo", "as ever"), "as ever");
  }
};

TEST_F(Visited, RandomBytesAreShownOut) {
  start_node();
  std::mt19937 random{42};
  for (int i = 0; i < 50; ++i) {
    visitor stranger{process()};
    std::string bytes(32 + random() % 5000, '\0');
    for (auto& each : bytes)
      each = static_cast<char>(random());
    // The first 32 bytes are a header: of no operation that CAF knows, whose last is 6, and with a payload that is none, or
    // larger than any. What announces another one, and does not send it, waits in vain: see below.
    bytes[0] = static_cast<char>(7 + random() % 200);
    bytes[4] = static_cast<char>(i % 2 ? 0x40 | random() : 0);
    if (i % 2 == 0)
      bytes[5] = bytes[6] = bytes[7] = 0;
    stranger.say(bytes);
    EXPECT_TRUE(stranger.is_shown_out());
  }
  expect_service();
}

TEST_F(Visited, HalfAFrameKeepsNobodyWaiting) {
  start_node();
  visitor half_a_header{process()};
  half_a_header.say(header(client_handshake, 100).substr(0, 7));
  visitor half_a_payload{process()};
  half_a_payload.say(header(client_handshake, 100) + std::string(50, 'x'));
  visitor silent{process()};
  expect_service();
}

TEST_F(Visited, AHeaderThatAnnouncesAGibibyteTakesNoMemory) {
  start_node();
  expect_service();
  auto before = resident_kib(process().pid());
  for (int i = 0; i < 20; ++i) {
    visitor stranger{process()};
    stranger.say(header(client_handshake, 1u << 30));
    EXPECT_TRUE(stranger.is_shown_out());
  }
  EXPECT_LT(resident_kib(process().pid()), before + 100 * 1024);
  auto said = process().errors("announces a message of 1073741824 bytes");
  EXPECT_NE(said.find("announces a message of 1073741824 bytes; nothing larger than 67108864 is taken"),
            std::string::npos)
      << said;
  expect_service();
}

TEST_F(Visited, ManyWhoSayNothingDoNotKeepOthersOutForLong) {
  start_node();
  std::vector<std::unique_ptr<visitor>> crowd;
  for (int i = 0; i < 100; ++i)
    crowd.push_back(std::make_unique<visitor>(process()));
  auto said = process().errors("too many others");
  EXPECT_NE(said.find("too many others have yet to say who they are"), std::string::npos) << said;
  crowd.clear();
  wait_until([&] { return bool{rt().connect(process().name())}; }, "room at the door");
}

TEST(VisitedWithTls, RandomBytesAreShownOut) {
  certificates files;
  node_process node{files.arguments("node")};
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
  EXPECT_NE(node.errors("does not speak TLS").find("does not speak TLS 1.3"), std::string::npos)
      << node.errors();
}

} // namespace
