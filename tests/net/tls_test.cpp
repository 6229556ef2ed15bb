#include "interp_actors/net/tls.hpp"

#include <sys/wait.h>

#include <fstream>

#include "net/certificates.hpp"
#include "net/with_nodes.hpp"

using namespace ia_test;

namespace {

std::size_t count(const std::string& text, const std::string& what) {
  std::size_t result = 0;
  for (auto place = text.find(what); place != std::string::npos; place = text.find(what, place + 1))
    ++result;
  return result;
}

/// A node that wants certificates, and a controller that has one.
class Tls : public with_nodes {
protected:
  Tls() : Tls{std::make_unique<certificates>(), "controller"} {}
  Tls(std::unique_ptr<certificates> files, const std::string& who, const std::string& authority = "ca")
      : with_nodes{with_certificates(who.empty() ? ia::certificate_files{} : files->files(who, authority))},
        files_{std::move(files)} {}

  static ia::runtime_options with_certificates(ia::certificate_files files) {
    auto options = network_options();
    options.network.node_timeout = 20s; // not what ends a connection here
    options.network.certificates = std::move(files);
    return options;
  }

  std::vector<std::string> node_arguments() const { return files_->arguments("node"); }

  /// What openssl's client sees, and the node hears, for options.
  std::string visit(const node_process& node, const std::string& options) {
    return files_->say("timeout 5 openssl s_client -connect " + node.name() + " " + options + " </dev/null");
  }

  std::string refusal(const std::string& node) {
    auto result = rt().connect(node);
    return result ? "connected" : ia::describe(result.error());
  }

  std::unique_ptr<certificates> files_;
};

TEST_F(Tls, BothSidesShowCertificates) {
  auto node = start_node(node_arguments());
  auto one = at(supervise_one("def echo(v): return v\n"), "one");
  EXPECT_EQ(call(one, "echo", "over TLS"), "over TLS");
  for (std::size_t size : {100'000u, 8'000'000u}) {
    auto sent = ia::shared_bytes::adopt(std::string(size, 'x'));
    auto back = me().call(one, "echo", sent);
    ASSERT_TRUE(back) << ia::describe(back.error());
    EXPECT_TRUE(*back == sent);
  }
}

TEST_F(Tls, WhoHasNoGoodCertificateIsRefusedAndLoggedOnce) {
  files_->make("late", "ca", "-not_before 20200101000000Z -not_after 20210101000000Z");
  files_->make_authority("other_ca");
  files_->make("stranger", "other_ca");
  node_process node{node_arguments()};
  struct {
    const char* options;
    const char* said;
  } const cases[] = {
      {"-tls1_3", "it shows no certificate"},
      {"-tls1_3 -cert stranger.pem -key stranger.key", "its certificate is refused: "},
      {"-tls1_3 -cert late.pem -key late.key", "its certificate is refused: certificate has expired"},
      {"-tls1_2 -cert controller.pem -key controller.key", "it does not speak TLS 1.3"},
  };
  for (auto& each : cases) {
    for (int i = 0; i < 3; ++i)
      visit(node, each.options);
    EXPECT_NE(node.errors(each.said).find(each.said), std::string::npos)
        << each.options << ": " << node.errors();
  }
  files_->say("bash -c 'exec 3<>/dev/tcp/127.0.0.1/" + node.name().substr(node.name().rfind(':') + 1)
              + "; printf \"GET / HTTP/1.0\\r\\n\\r\\n\" >&3; cat <&3'");
  auto link = rt().connect(node.name()); // others still come in
  EXPECT_TRUE(link) << ia::describe(link.error());
  auto said = node.errors();
  for (auto& each : cases)
    EXPECT_GE(count(said, each.said), 1u) << each.said << '\n' << said;
  EXPECT_EQ(count(said, "it shows no certificate"), 1u) << said;
  EXPECT_EQ(count(said, "unable to get local issuer certificate"), 1u) << said;
  EXPECT_EQ(count(said, "certificate has expired"), 1u) << said;
}

/// A controller of another authority.
class ForeignController : public Tls {
protected:
  ForeignController() : Tls{with_another_authority(), "stranger", "other_ca"} {}

  static std::unique_ptr<certificates> with_another_authority() {
    auto result = std::make_unique<certificates>();
    result->make_authority("other_ca");
    result->make("stranger", "other_ca");
    return result;
  }
};

TEST_F(ForeignController, IsLoggedOnceHoweverOftenItTries) {
  node_process node{node_arguments()};
  for (int i = 0; i < 5; ++i) {
    auto said = refusal(node.name());
    EXPECT_NE(said.find("its certificate is refused: "), std::string::npos) << said;
  }
  node.errors("it refuses this process");
  visit(node, "-tls1_3"); // what is said later is known to be behind it
  auto said = node.errors("it shows no certificate");
  EXPECT_EQ(count(said, "it refuses this process: "), 1u) << said;
}

TEST_F(Tls, AnonymousCiphersAreNotOffered) {
  node_process node{node_arguments()};
  auto seen = visit(node, "-tls1_2 -cipher aNULL:eNULL:@SECLEVEL=0");
  EXPECT_NE(seen.find("Cipher is (NONE)"), std::string::npos) << seen;
  auto said = node.errors("it does not speak TLS 1.3");
  EXPECT_NE(said.find("it does not speak TLS 1.3"), std::string::npos) << said;
  EXPECT_EQ(refusal(node.name()), "connected");
}

class PlainController : public Tls {
protected:
  PlainController() : Tls{std::make_unique<certificates>(), ""} {}
};

TEST_F(PlainController, LearnsThatCertificatesAreWanted) {
  node_process node{node_arguments()};
  auto said = refusal(node.name());
  EXPECT_NE(said.find("refused: no session with " + node.name()), std::string::npos) << said;
  EXPECT_NE(said.find("certificates"), std::string::npos) << said;
}

TEST_F(Tls, LearnsThatTheNodeHasNone) {
  node_process node;
  auto said = refusal(node.name());
  EXPECT_NE(said.find("it does not speak TLS 1.3"), std::string::npos) << said;
}

TEST(CertificateFiles, SayWhatIsWrongWithThem) {
  certificates files;
  files.make_authority("other_ca");
  files.make("late", "ca", "-not_before 20200101000000Z -not_after 20210101000000Z");
  std::ofstream{files.path("no.pem")} << "no certificate\n";
  auto refusal = [](const ia::certificate_files& what) -> std::string {
    try {
      ia::tls_context context{what};
    } catch (const std::runtime_error& problem) {
      return problem.what();
    }
    return "accepted";
  };
  EXPECT_EQ(refusal(files.files("node")), "accepted");
  auto no_key = files.files("node");
  no_key.key.clear();
  EXPECT_EQ(refusal(no_key), "certificate, key and ca belong together, and the key is missing");
  auto missing = files.files("node");
  missing.certificate = "/no/such/file.pem";
  EXPECT_NE(refusal(missing).find("the certificate '/no/such/file.pem' cannot be used: No such file"),
            std::string::npos)
      << refusal(missing);
  auto wrong_key = files.files("node");
  wrong_key.key = files.path("controller.key");
  EXPECT_NE(refusal(wrong_key).find("controller.key' cannot be used: key values mismatch"), std::string::npos)
      << refusal(wrong_key);
  EXPECT_NE(refusal(files.files("node", "other_ca")).find("is none that the ca"), std::string::npos);
  EXPECT_NE(refusal(files.files("late")).find("certificate has expired"), std::string::npos);
  auto garbage = files.files("node");
  garbage.ca = files.path("no.pem");
  EXPECT_NE(refusal(garbage).find("the ca '"), std::string::npos) << refusal(garbage);
}

// -- where nodes listen ------------------------------------------------------------------------------------------------------

/// What the program says that does not start.
std::pair<int, std::string> refused_start(const std::vector<std::string>& arguments) {
  node_process node{arguments};
  EXPECT_EQ(node.name(), "");
  auto said = node.errors("\n");
  return {node.wait(), said};
}

TEST(Listening, AnywhereButOnLoopbackNeedsCertificates) {
  for (auto* where : {"0.0.0.0:0", "[::]:0"}) {
    auto [code, said] = refused_start({"--listen", where});
    EXPECT_EQ(code, 69);
    EXPECT_NE(said.find("without certificates a node listens on this machine's own loopback alone"),
              std::string::npos)
        << said;
  }
  certificates files;
  auto arguments = files.arguments("node");
  arguments.insert(arguments.end(), {"--listen", "0.0.0.0:0"});
  node_process node{arguments};
  EXPECT_NE(node.name(), "");
}

TEST(Listening, EndsWithASignalInOrder) {
  for (auto signal : {SIGTERM, SIGINT}) {
    node_process node;
    node.kill(signal);
    EXPECT_EQ(node.wait(), 0) << node.errors();
  }
}

TEST(Listening, EndsInOrderWheneverTheSignalComes) {
  for (auto* after : {"0.01", "0.02", "0.03", "0.04", "0.05", "0.06", "0.08", "0.1", "0.15", "0.2", "0.4"}) {
    node_process node{{}, {"timeout", "--preserve-status", after}};
    auto code = node.wait();
    EXPECT_TRUE(code == 0 || code == 128 + SIGTERM) << after << ": " << code << ' ' << node.errors();
  }
}

TEST(Listening, MistakesAreNamed) {
  EXPECT_EQ(refused_start({"--listen", "nowhere"}).first, 69);
  EXPECT_EQ(refused_start({"--slots", "0"}).first, 64);
  for (auto* lease : {"-1s", "0s", "soon", "1e300h"})
    EXPECT_EQ(refused_start({"--lease", lease}).first, 64) << lease;
  EXPECT_EQ(refused_start({"--no-such-option"}).first, 64);
  EXPECT_EQ(refused_start({"--message-bytes", "0"}).first, 64);
  auto [stray, no_option] = refused_start({"worker-1:4242"});
  EXPECT_EQ(stray, 64);
  EXPECT_NE(no_option.find("'worker-1:4242' is no option"), std::string::npos) << no_option;
  auto [code, said] = refused_start({"--certificate", "/no/such.pem"});
  EXPECT_EQ(code, 69);
  EXPECT_NE(said.find("the key is missing"), std::string::npos) << said;
  node_process first;
  auto [taken, why] = refused_start({"--listen", first.name()});
  EXPECT_EQ(taken, 69);
  EXPECT_NE(why.find("Address already in use"), std::string::npos) << why;
}

} // namespace
