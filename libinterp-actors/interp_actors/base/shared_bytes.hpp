#pragma once

#include "interp_actors/base/buffer_format.hpp"

#include <atomic>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace interp_actors {

namespace detail {

/// The memory behind payloads: bytes that nobody writes any more, and a count of the handles that hold them.
/// Owner: the handles together; the last one calls `dispose`, in whatever thread it is dropped.
struct block {
  using dispose_fn = void (*)(block*) noexcept;

  const std::byte* data = nullptr;
  std::size_t size = 0;
  dispose_fn dispose = nullptr;
  const buffer_format* format = nullptr;
  std::atomic<std::size_t> references{1};

  void add_reference() noexcept { references.fetch_add(1, std::memory_order_relaxed); }

  void drop_reference() noexcept {
    // A sole holder needs no locked instruction: nobody else can add a reference to what only it holds.
    if (references.load(std::memory_order_acquire) == 1
        || references.fetch_sub(1, std::memory_order_acq_rel) == 1)
      dispose(this);
  }
};

} // namespace detail

/// An immutable sequence of bytes, shared by counting. The only payload that travels between actors: copying
/// a handle never copies the bytes, and in Python it becomes a read-only memoryview of the same memory. A
/// default-constructed handle holds nothing at all, which is Python's None; an empty payload is not nothing.
/// Thread: distinct handles of the same bytes may be used and dropped in any threads.
class shared_bytes {
public:
  shared_bytes() noexcept = default;
  shared_bytes(const shared_bytes& other) noexcept
      : block_{other.block_}, data_{other.data_}, size_{other.size_} {
    if (block_)
      block_->add_reference();
  }
  shared_bytes(shared_bytes&& other) noexcept
      : block_{std::exchange(other.block_, nullptr)},
        data_{std::exchange(other.data_, nullptr)},
        size_{std::exchange(other.size_, 0)} {}
  shared_bytes& operator=(shared_bytes other) noexcept {
    std::swap(block_, other.block_);
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }
  ~shared_bytes() {
    if (block_)
      block_->drop_reference();
  }

  // -- construction
  // -----------------------------------------------------------------------------------------------

  /// Copies `bytes`.
  static shared_bytes copy(std::span<const std::byte> bytes);
  /// Copies the characters of `text`.
  static shared_bytes copy(std::string_view text);

  /// Takes over the memory of `text` without copying it.
  static shared_bytes adopt(std::string text);
  /// Takes over the memory of `bytes` without copying it.
  static shared_bytes adopt(std::vector<std::byte> bytes);

  /// Uses the memory of `bytes`, which nobody writes any more, and keeps `owner` for as long.
  static shared_bytes share(std::shared_ptr<const void> owner, std::span<const std::byte> bytes);

  /// Maps the file at `path` read-only. The bytes are those of the file while it is mapped: whoever truncates
  /// it makes later reads of the lost part end the process with SIGBUS (`read_file` copies instead).
  /// Errors: std::system_error that names the path, where it cannot be opened, is no regular file or cannot
  /// be mapped.
  static shared_bytes map_file(const std::filesystem::path& path);

  /// Reads the file at `path` into memory of its own.
  /// Errors: as `map_file`.
  static shared_bytes read_file(const std::filesystem::path& path);

  /// Takes over one reference to `block`.
  static shared_bytes from_block(detail::block* block) noexcept {
    shared_bytes result;
    result.block_ = block;
    result.data_ = block->data;
    result.size_ = block->size;
    return result;
  }

  // -- properties
  // -------------------------------------------------------------------------------------------------

  /// Whether there are bytes at all, if only none: false for a default-constructed handle alone.
  explicit operator bool() const noexcept { return block_ != nullptr; }

  const std::byte* data() const noexcept { return data_; }
  std::size_t size() const noexcept { return size_; }
  bool empty() const noexcept { return size_ == 0; }
  std::span<const std::byte> as_span() const noexcept { return {data_, size_}; }
  std::string_view as_string_view() const noexcept { return {reinterpret_cast<const char*>(data_), size_}; }

  /// The format that was given with `with_format`, or null for plain bytes.
  const buffer_format* format() const noexcept {
    return block_ && size_ == block_->size && data_ == block_->data ? block_->format : nullptr;
  }

  /// The block that keeps the bytes, for code that hands them to a foreign owner.
  const detail::block* owner() const noexcept { return block_; }

  // -- operations
  // -------------------------------------------------------------------------------------------------

  /// Returns `size` bytes from `offset` on as plain bytes, without copying; both are cut to what there is.
  shared_bytes sub_range(std::size_t offset, std::size_t size = static_cast<std::size_t>(-1)) const noexcept;

  /// Returns the same bytes, to be read as `format`.
  /// Errors: std::invalid_argument where it does not fit the size.
  shared_bytes with_format(buffer_format format) const;

  /// Whether both hold the same bytes in the same format, wherever they are; nothing equals nothing alone.
  friend bool operator==(const shared_bytes& lhs, const shared_bytes& rhs) noexcept;

  /// For logs: the size and the first bytes.
  friend std::string to_string(const shared_bytes& bytes);

private:
  detail::block* block_ = nullptr;
  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

/// Memory to be filled once and then frozen into a payload without a copy. One thread at a time.
class bytes_builder {
public:
  /// Allocates `size` bytes, all zero.
  /// Errors: std::bad_alloc.
  explicit bytes_builder(std::size_t size);
  bytes_builder(const bytes_builder&) = delete;
  bytes_builder& operator=(const bytes_builder&) = delete;
  ~bytes_builder();

  /// The memory to fill; empty once frozen.
  std::span<std::byte> memory() noexcept;

  /// Ends the filling and returns the payload. A second call returns a handle that holds nothing.
  shared_bytes freeze() noexcept;

private:
  detail::block* block_;
};

} // namespace interp_actors
