#include "interp_actors/net/content_hash.hpp"

#include "interp_actors/message/inspect.hpp"

#include <openssl/evp.h>

#include <array>
#include <new>

namespace interp_actors {

std::string content_hash(std::span<const std::byte> bytes) {
  std::array<std::byte, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  if (::EVP_Digest(bytes.data(), bytes.size(), reinterpret_cast<unsigned char*>(digest.data()), &size,
                   ::EVP_sha256(), nullptr)
      != 1)
    throw std::bad_alloc();
  return detail::to_hex({digest.data(), size});
}

} // namespace interp_actors
