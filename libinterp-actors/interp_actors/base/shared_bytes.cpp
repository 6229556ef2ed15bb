#include "interp_actors/base/shared_bytes.hpp"

#include "interp_actors/base/payload_stats.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>
#include <system_error>

namespace interp_actors {

namespace {

using detail::block;

/// Counts a new block; every `dispose` below calls `forget`.
template <class Block>
Block* remember(Block* made) noexcept {
  detail::payload_counters.live_blocks.fetch_add(1, std::memory_order_relaxed);
  detail::payload_counters.live_bytes.fetch_add(made->size, std::memory_order_relaxed);
  return made;
}

void forget(const block* gone) noexcept {
  detail::payload_counters.live_blocks.fetch_sub(1, std::memory_order_relaxed);
  detail::payload_counters.live_bytes.fetch_sub(gone->size, std::memory_order_relaxed);
}

/// A block with its bytes behind it, in one allocation.
void dispose_inline(block* self) noexcept {
  forget(self);
  self->~block();
  ::operator delete(self);
}

block* make_inline(std::size_t size) {
  if (size > static_cast<std::size_t>(-1) - sizeof(block))
    throw std::bad_alloc{};
  auto* memory = static_cast<std::byte*>(::operator new(sizeof(block) + size));
  auto* made = new (memory) block;
  made->data = memory + sizeof(block);
  made->size = size;
  made->dispose = dispose_inline;
  return remember(made);
}

std::byte* writable(block* made) noexcept {
  return const_cast<std::byte*>(made->data);
}

template <class Container>
struct container_block : block {
  Container container;

  explicit container_block(Container source) : container{std::move(source)} {
    data = reinterpret_cast<const std::byte*>(container.data());
    size = container.size();
    dispose = [](block* self) noexcept {
      forget(self);
      delete static_cast<container_block*>(self);
    };
  }
};

/// Somebody else's memory, and what keeps it.
struct foreign_block : block {
  std::shared_ptr<const void> owner;

  foreign_block(std::shared_ptr<const void> source, std::span<const std::byte> bytes)
      : owner{std::move(source)} {
    data = bytes.data();
    size = bytes.size();
    dispose = [](block* self) noexcept {
      forget(self);
      delete static_cast<foreign_block*>(self);
    };
  }
};

struct mapped_block : block {
  mapped_block(void* address, std::size_t length) {
    data = static_cast<const std::byte*>(address);
    size = length;
    dispose = [](block* self) noexcept {
      forget(self);
      if (self->size != 0)
        ::munmap(const_cast<std::byte*>(self->data), self->size);
      delete static_cast<mapped_block*>(self);
    };
  }
};

struct formatted_block : block {
  shared_bytes bytes;
  buffer_format its_format;

  formatted_block(shared_bytes source, buffer_format source_format)
      : bytes{std::move(source)}, its_format{std::move(source_format)} {
    data = bytes.data();
    size = bytes.size();
    format = &its_format;
    dispose = [](block* self) noexcept { delete static_cast<formatted_block*>(self); };
  }
};

class file_descriptor {
public:
  // O_NONBLOCK: opening a FIFO waits for its writer else.
  file_descriptor(const char* what, const std::filesystem::path& path)
      : fd_{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)}, what_{what}, path_{path} {
    if (fd_ < 0)
      fail("cannot open");
    struct ::stat info{};
    if (::fstat(fd_, &info) != 0)
      fail("cannot examine");
    if (!S_ISREG(info.st_mode)) {
      errno = S_ISDIR(info.st_mode) ? EISDIR : EINVAL;
      fail("not a regular file:");
    }
    size_ = static_cast<std::size_t>(info.st_size);
  }
  file_descriptor(const file_descriptor&) = delete;
  file_descriptor& operator=(const file_descriptor&) = delete;
  ~file_descriptor() {
    if (fd_ >= 0)
      ::close(fd_);
  }

  int get() const noexcept { return fd_; }

  /// Reads some bytes; 0 at the end.
  std::size_t read(std::span<std::byte> memory) {
    for (;;) {
      auto count = ::read(fd_, memory.data(), memory.size());
      if (count >= 0)
        return static_cast<std::size_t>(count);
      if (errno != EINTR)
        fail("cannot read");
    }
  }

  std::size_t size() const noexcept { return size_; }

  [[noreturn]] void fail(const char* doing) {
    auto code = errno;
    if (fd_ >= 0)
      ::close(std::exchange(fd_, -1));
    throw std::system_error(code, std::generic_category(),
                            std::string{what_} + ": " + doing + " '" + path_.string() + "'");
  }

private:
  int fd_;
  std::size_t size_ = 0;
  const char* what_;
  const std::filesystem::path& path_;
};

} // namespace

shared_bytes shared_bytes::copy(std::span<const std::byte> bytes) {
  auto* made = make_inline(bytes.size());
  if (!bytes.empty())
    std::memcpy(writable(made), bytes.data(), bytes.size());
  return from_block(made);
}

shared_bytes shared_bytes::copy(std::string_view text) {
  return copy(std::as_bytes(std::span{text.data(), text.size()}));
}

shared_bytes shared_bytes::adopt(std::string text) {
  return from_block(remember(new container_block<std::string>{std::move(text)}));
}

shared_bytes shared_bytes::adopt(std::vector<std::byte> bytes) {
  return from_block(remember(new container_block<std::vector<std::byte>>{std::move(bytes)}));
}

shared_bytes shared_bytes::share(std::shared_ptr<const void> owner, std::span<const std::byte> bytes) {
  return from_block(remember(new foreign_block{std::move(owner), bytes}));
}

shared_bytes shared_bytes::map_file(const std::filesystem::path& path) {
  file_descriptor file{"map_file", path};
  void* address = nullptr;
  if (file.size() != 0) {
    address = ::mmap(nullptr, file.size(), PROT_READ, MAP_PRIVATE, file.get(), 0);
    if (address == MAP_FAILED)
      file.fail("cannot map");
  }
  return from_block(remember(new mapped_block{address, file.size()}));
}

shared_bytes shared_bytes::read_file(const std::filesystem::path& path) {
  file_descriptor file{"read_file", path};
  bytes_builder builder{file.size()};
  auto memory = builder.memory();
  std::size_t done = 0;
  while (done < memory.size()) {
    auto count = file.read(memory.subspan(done));
    if (count == 0) // shorter than it was a moment ago
      return builder.freeze().sub_range(0, done);
    done += count;
  }
  // Longer than it was a moment ago, or one of those that do not say how long they are, as in /proc.
  std::vector<std::byte> rest;
  for (std::size_t used = 0;;) {
    rest.resize(used + 64 * 1024);
    auto count = file.read(std::span{rest}.subspan(used));
    used += count;
    if (count == 0) {
      rest.resize(used);
      break;
    }
  }
  if (rest.empty())
    return builder.freeze();
  rest.insert(rest.begin(), memory.begin(), memory.end());
  return adopt(std::move(rest));
}

shared_bytes shared_bytes::sub_range(std::size_t offset, std::size_t size) const noexcept {
  if (block_ && block_->format)
    return static_cast<formatted_block*>(block_)->bytes.sub_range(offset, size);
  auto result = *this;
  offset = std::min(offset, size_);
  result.data_ += offset;
  result.size_ = std::min(size, size_ - offset);
  return result;
}

shared_bytes shared_bytes::with_format(buffer_format format) const {
  auto plain = sub_range(0);
  auto fitting = checked(std::move(format), plain.size());
  if (!plain)
    plain = copy(std::string_view{});
  return from_block(new formatted_block{std::move(plain), std::move(fitting)});
}

bool operator==(const shared_bytes& lhs, const shared_bytes& rhs) noexcept {
  if (static_cast<bool>(lhs) != static_cast<bool>(rhs) || !std::ranges::equal(lhs.as_span(), rhs.as_span()))
    return false;
  auto* left = lhs.format();
  auto* right = rhs.format();
  return left && right ? *left == *right : left == right;
}

std::string to_string(const shared_bytes& bytes) {
  if (!bytes)
    return "no payload";
  constexpr std::size_t shown = 16;
  auto text = std::to_string(bytes.size()) + " bytes";
  for (std::size_t i = 0; i < std::min(bytes.size(), shown); ++i) {
    constexpr char digits[] = "0123456789abcdef";
    auto value = std::to_integer<unsigned>(bytes.data()[i]);
    text += i == 0 ? ": " : "";
    text += digits[value >> 4];
    text += digits[value & 15];
  }
  return bytes.size() > shown ? text + "..." : text;
}

bytes_builder::bytes_builder(std::size_t size) : block_{make_inline(size)} {
  std::memset(writable(block_), 0, size);
}

bytes_builder::~bytes_builder() {
  if (block_)
    block_->drop_reference();
}

std::span<std::byte> bytes_builder::memory() noexcept {
  return block_ ? std::span{writable(block_), block_->size} : std::span<std::byte>{};
}

shared_bytes bytes_builder::freeze() noexcept {
  return block_ ? shared_bytes::from_block(std::exchange(block_, nullptr)) : shared_bytes{};
}

} // namespace interp_actors
