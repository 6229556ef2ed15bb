#include "interp_actors/net/endpoint.hpp"

#include <gtest/gtest.h>

#include <stdexcept>

using namespace interp_actors;

namespace {

TEST(Endpoint, IsAHostAndAPort) {
  EXPECT_EQ(parse_endpoint("worker-1:4242"), (endpoint{"worker-1", 4242}));
  EXPECT_EQ(parse_endpoint("127.0.0.1:0"), (endpoint{"127.0.0.1", 0}));
  EXPECT_EQ(parse_endpoint("[::1]:65535"), (endpoint{"::1", 65535}));
  for (auto* each : {"worker-1:4242", "127.0.0.1:0", "[::1]:65535", "[fe80::1%eth0]:1"})
    EXPECT_EQ(to_string(parse_endpoint(each).value()), each);
}

TEST(Endpoint, IsNothingElse) {
  for (auto* each : {"", ":", "host", "host:", ":1", "host:65536", "host:-1", "host:1x", "host: 1",
                     "::1:4242", "[]:1", "host:+1"})
    EXPECT_FALSE(parse_endpoint(each)) << each;
}

TEST(Endpoint, OnlyAllOfLoopbackIsThisMachine) {
  for (auto* each : {"127.0.0.1", "127.1.2.3", "::1", "localhost", "::ffff:127.0.0.1"})
    EXPECT_TRUE(is_loopback(endpoint{each, 1})) << each;
  for (auto* each : {"0.0.0.0", "::", "192.0.2.1", "::ffff:192.0.2.1", "128.0.0.1"})
    EXPECT_FALSE(is_loopback(endpoint{each, 1})) << each;
  EXPECT_THROW(is_loopback(endpoint{"no such host", 1}), std::runtime_error);
}

} // namespace
