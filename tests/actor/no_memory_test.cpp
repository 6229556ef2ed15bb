#include <atomic>
#include <cstdlib>
#include <new>

#include "support.hpp"

using namespace ia_test;

namespace {

/// Allocations of as many bytes fail: between `least` and twice as many.
std::atomic<std::size_t> least{0};

class no_memory {
public:
  explicit no_memory(std::size_t size) { least = size; }
  no_memory(const no_memory&) = delete;
  no_memory& operator=(const no_memory&) = delete;
  ~no_memory() { least = 0; }
};

} // namespace

// Not inlined: GCC warns of `free` where it sees it take what `operator new` gave.

[[gnu::noinline]] void* operator new(std::size_t size) {
  auto refused = least.load(std::memory_order_relaxed);
  if (refused != 0 && size >= refused && size <= 2 * refused)
    throw std::bad_alloc{};
  if (auto* memory = std::malloc(size))
    return memory;
  throw std::bad_alloc{};
}

[[gnu::noinline]] void operator delete(void* memory) noexcept {
  std::free(memory);
}

[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}

namespace {

using NoMemory = with_runtime;

TEST_F(NoMemory, IsAMemoryErrorWhereAChannelsEndHasALongReason) {
  constexpr std::size_t size = 50'000'000; // of which nobody else asks for as many
  auto [tx, rx] = rt().channel();
  ia::spawn_options how;
  how.channels = {{"source", rx}, {"out", tx}};
  auto actor = spawn("def close(v): source.close()\n"
                     "def raised(use):\n"
                     "    try: use()\n"
                     "    except Exception as e: return type(e).__name__.encode()\n"
                     "def recv(v): return raised(source.recv)\n"
                     "def recv_object(v): return raised(source.recv_object)\n"
                     "def send(v): return raised(lambda: out.send(b''))\n"
                     "def send_end(v): return raised(lambda: out.send(source))\n",
                     std::move(how));
  auto why = ia::make_error(ia::errc::stopped, std::string(size, 'x'));
  caf::actor_cast<caf::strong_actor_ptr>(tx)->enqueue(
      ia::compat::make_element(nullptr, caf::make_message_id(),
                               caf::make_message(caf::exit_msg{caf::actor_addr{}, std::move(why)})),
      nullptr);
  EXPECT_EQ(call(actor, "close"), "None");
  {
    no_memory now{size};
    for (auto* function : {"recv", "recv_object", "send", "send_end"})
      EXPECT_EQ(call(actor, function), "MemoryError") << function;
  }
  EXPECT_EQ(call(actor, "recv"), "ChannelClosed");
}

} // namespace
