#include "interp_actors/base/errc.hpp"

#include <gtest/gtest.h>

#include <set>

using namespace interp_actors;

namespace {

constexpr auto all = {
    errc::python_exception, errc::exited,           errc::crashed,        errc::deadline_exceeded,
    errc::cancelled,        errc::abandoned,        errc::start_failed,   errc::mailbox_full,
    errc::stopped,          errc::no_such_function, errc::channel_closed, errc::channel_full,
    errc::channel_moved,    errc::channel_mismatch, errc::wrong_type,     errc::no_such_child,
    errc::child_exists,     errc::child_active,     errc::invalid_spec,   errc::wrong_strategy,
    errc::gave_up,          errc::node_lost,        errc::no_node,        errc::refused,
    errc::too_large,
};

TEST(Errc, EveryCodeHasANameThatLeadsBack) {
  std::set<std::string> names;
  for (auto code : all) {
    auto name = to_string(code);
    EXPECT_EQ(name.find("unknown"), std::string::npos) << name;
    names.insert(name);
    errc parsed{};
    EXPECT_TRUE(from_string(name, parsed)) << name;
    EXPECT_EQ(parsed, code);
  }
  EXPECT_EQ(names.size(), all.size());
  EXPECT_EQ(to_string(errc::deadline_exceeded), "deadline_exceeded");
}

TEST(Errc, ExactlyTheKnownIntegersAreCodes) {
  std::set<errc> found;
  for (int value = 0; value < 256; ++value) {
    errc code{};
    if (from_integer(static_cast<std::uint8_t>(value), code)) {
      EXPECT_EQ(static_cast<int>(code), value);
      found.insert(code);
    }
  }
  EXPECT_EQ(found, (std::set<errc>{all}));
}

TEST(Errc, ZeroIsNoCode) {
  // CAF takes an error with code 0 for "no error".
  auto code = errc::stopped;
  EXPECT_FALSE(from_integer(0, code));
  EXPECT_EQ(code, errc::stopped);
}

TEST(Errc, UnknownNamesAndCodesAreTold) {
  auto code = errc::stopped;
  EXPECT_FALSE(from_string("", code));
  EXPECT_FALSE(from_string("Stopped", code));
  EXPECT_FALSE(from_string("stopped ", code));
  EXPECT_EQ(code, errc::stopped);
  EXPECT_EQ(to_string(static_cast<errc>(200)), "unknown (200)");
}

} // namespace
