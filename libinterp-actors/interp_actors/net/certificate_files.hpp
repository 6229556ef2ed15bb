#pragma once

#include <string>

namespace interp_actors {

/// The files that say who this process is, and whom it trusts. A plain value.
struct certificate_files {
  /// Certificate of this process in PEM format, with those between it and the authority behind it.
  std::string certificate;
  /// Its private key.
  std::string key;
  /// Certificate of the authority that signs for all nodes and controllers; nobody else is let in.
  std::string ca;

  bool empty() const noexcept { return certificate.empty() && key.empty() && ca.empty(); }
};

} // namespace interp_actors
