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
/// While it lives, the process gets no more than `bytes` of further memory.
class memory_limit {
public:
  /// `kind` is RLIMIT_AS for address space, or RLIMIT_DATA for what can be written.
  memory_limit(decltype(RLIMIT_AS) kind, std::size_t bytes) : kind_{kind} {
    std::size_t total = 0;
    std::size_t writable = 0;
    FILE* file = std::fopen("/proc/self/statm", "r");
    EXPECT_TRUE(file && std::fscanf(file, "%zu %*u %*u %*u %*u %zu", &total, &writable) == 2);
    if (file)
      std::fclose(file);
    EXPECT_EQ(::getrlimit(kind_, &before_), 0);
    auto pages = kind_ == RLIMIT_AS ? total : writable;
    auto less = before_;
    less.rlim_cur = pages * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)) + bytes;
    EXPECT_EQ(::setrlimit(kind_, &less), 0);
  }
  memory_limit(const memory_limit&) = delete;
  memory_limit& operator=(const memory_limit&) = delete;
  ~memory_limit() { EXPECT_EQ(::setrlimit(kind_, &before_), 0); }

private:
  const decltype(RLIMIT_AS) kind_;
  ::rlimit before_{};
};

TEST_F(Failure, ThreadThatCannotStartIsTheSpawnsError) {
  caf::expected<ia::interpreter_actor> refused{ia::interpreter_actor{}};
  {
    memory_limit limit{RLIMIT_AS, 4u * 1024 * 1024}; // a thread's stack does not fit
    refused = rt().spawn(ia::text("x = 1"), {.name = "hungry"});
  }
  ASSERT_FALSE(refused);
  EXPECT_EQ(code_of(refused.error()), ia::errc::start_failed);
  EXPECT_NE(ia::describe(refused.error()).find("cannot start a thread for 'hungry'"), std::string::npos)
      << ia::describe(refused.error());
  EXPECT_EQ(call(spawn("def ok(v): return v"), "ok", "x"), "x") << "with memory, the next one starts";
}

TEST_F(Failure, CreationThatFailsIsTheSpawnsError) {
  // The C library keeps the stack of a thread that has ended: so the next one starts, and its interpreter finds no
  // memory.
  std::thread{[] {}}.join();
  caf::expected<ia::interpreter_actor> refused{ia::interpreter_actor{}};
  {
    memory_limit limit{RLIMIT_DATA, 256u * 1024}; // for the others; an interpreter needs megabytes
    refused = rt().spawn(ia::text("x = 1"), {.name = "hungry"});
  }
  ASSERT_FALSE(refused);
  auto problem = refused.error();
  EXPECT_EQ(code_of(problem), ia::errc::start_failed);
  EXPECT_NE(ia::describe(problem).find("CPython could not create an interpreter: "), std::string::npos)
      << ia::describe(problem);
  EXPECT_EQ(call(spawn("def ok(v): return v"), "ok", "x"), "x") << "with memory, the next one starts";
}

TEST_F(Failure, NoMemoryAroundAHandlerAnswersItsRequestAndEndsTheIncarnation) {
  auto actor = spawn("def ok(v): return v");
  std::string code(256u * 1024 * 1024, '#');
  caf::expected<void> done;
  {
    memory_limit limit{RLIMIT_AS, 64u * 1024 * 1024}; // the library's copy of the code does not fit
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
