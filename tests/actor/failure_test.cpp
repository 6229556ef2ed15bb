#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>

#include "support.hpp"

using namespace ia_test;

namespace {

/// What goes wrong around Python code rather than in it.
class Failure : public with_runtime {};

TEST_F(Failure, NullCharactersInSourcesAreRefused) {
  auto refused = rt().spawn(ia::text(std::string{"x = 1\0x = 2", 11}, "nul.py"));
  ASSERT_FALSE(refused);
  EXPECT_NE(ia::describe(refused.error()).find("null bytes"), std::string::npos);
  auto actor = spawn("def get(v): return str(globals().get('x')).encode()");
  auto done = me().execute(actor, std::string{"x = 1\0x = 2", 11});
  ASSERT_FALSE(done);
  EXPECT_NE(ia::describe(done.error()).find("null bytes"), std::string::npos);
  EXPECT_EQ(call(actor, "get"), "None");
}

TEST_F(Failure, WritingIntoAClosedSocketRaisesInPython) {
  auto actor = spawn(R"(
import socket
def write(v):
    here, there = socket.socketpair()
    there.close()
    try:
        here.send(b'x')
    except BrokenPipeError:
        return b'broken pipe'
)");
  EXPECT_EQ(call(actor, "write"), "broken pipe");
}

TEST_F(Failure, CallWithOnePayloadTakesADeadline) {
  auto actor = spawn("def ok(v): return v\ndef loop(v):\n    while True: pass");
  auto ask = [&](std::string function, caf::timespan limit) {
    return me().request(
        caf::actor_cast<caf::strong_actor_ptr>(actor),
        caf::make_message(ia::call_atom_v, std::move(function), ia::shared_bytes::copy("x"), limit));
  };
  auto good = ask("ok", 10s);
  ASSERT_TRUE(good) << ia::describe(good.error());
  EXPECT_EQ(good->get_as<ia::shared_bytes>(0).as_string_view(), "x");
  EXPECT_EQ(code_of(ask("loop", 10ms).error()), ia::errc::deadline_exceeded);
}

TEST_F(Failure, ConsumersOfPayloadsGetTheOrderTheyAskFor) {
  auto actor = spawn(R"(
import io
def plain(v):
    target = io.BytesIO()
    target.write(v.obj)  # asks for bytes in a row
    return target.getvalue()
def whole(v): return v.tobytes()
)");
  auto column_major = ia::shared_bytes::copy("abcdef").with_format({"B", 1, {2, 3}, {1, 2}});
  auto refused = me().call(actor, "plain", column_major);
  ASSERT_FALSE(refused);
  EXPECT_NE(ia::describe(refused.error()).find("another order"), std::string::npos)
      << ia::describe(refused.error());
  auto rows = me().call(actor, "whole", column_major);
  ASSERT_TRUE(rows) << ia::describe(rows.error());
  EXPECT_EQ(rows->as_string_view(), "acebdf");
  auto row_major =
      me().call(actor, "plain", ia::shared_bytes::copy("abcdef").with_format({"B", 1, {2, 3}, {}}));
  ASSERT_TRUE(row_major) << ia::describe(row_major.error());
  EXPECT_EQ(row_major->as_string_view(), "abcdef");
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) // sanitizers reserve terabytes
/// While it lives, the process gets no more than `bytes` of further address space.
class address_space_limit {
public:
  explicit address_space_limit(std::size_t bytes) {
    std::size_t pages = 0;
    FILE* file = std::fopen("/proc/self/statm", "r");
    EXPECT_TRUE(file && std::fscanf(file, "%zu", &pages) == 1);
    if (file)
      std::fclose(file);
    EXPECT_EQ(::getrlimit(RLIMIT_AS, &before_), 0);
    auto less = before_;
    less.rlim_cur = pages * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)) + bytes;
    EXPECT_EQ(::setrlimit(RLIMIT_AS, &less), 0);
  }
  address_space_limit(const address_space_limit&) = delete;
  address_space_limit& operator=(const address_space_limit&) = delete;
  ~address_space_limit() { EXPECT_EQ(::setrlimit(RLIMIT_AS, &before_), 0); }

private:
  ::rlimit before_{};
};

TEST_F(Failure, ThreadThatCannotStartIsTheSpawnsError) {
  caf::expected<ia::interpreter_actor> refused{ia::interpreter_actor{}};
  {
    address_space_limit limit{4u * 1024 * 1024}; // a thread's stack does not fit
    refused = rt().spawn(ia::text("x = 1"), {.name = "hungry"});
  }
  ASSERT_FALSE(refused);
  EXPECT_EQ(code_of(refused.error()), ia::errc::start_failed);
  EXPECT_NE(ia::describe(refused.error()).find("cannot start a thread for 'hungry'"), std::string::npos)
      << ia::describe(refused.error());
  EXPECT_EQ(call(spawn("def ok(v): return v"), "ok", "x"), "x") << "with memory, the next one starts";
}

TEST_F(Failure, NoMemoryAroundAHandlerAnswersItsRequestAndEndsTheIncarnation) {
  auto actor = spawn("def ok(v): return v");
  std::string code(256u * 1024 * 1024, '#');
  caf::expected<void> done;
  {
    address_space_limit limit{64u * 1024 * 1024}; // the library's copy of the code does not fit
    done = me().execute(actor, std::move(code));
  }
  ASSERT_FALSE(done);
  EXPECT_EQ(code_of(done.error()), ia::errc::crashed) << ia::describe(done.error());
  auto later = me().call(actor, "ok", ia::shared_bytes{});
  ASSERT_FALSE(later);
  EXPECT_EQ(code_of(later.error()), ia::errc::crashed);
}
#endif

} // namespace
