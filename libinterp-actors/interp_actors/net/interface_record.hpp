#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace interp_actors {

/// A shape, whose parts are places in the list that holds it.
struct shape_record {
  struct field {
    std::string name;
    std::uint32_t shape = 0;
    bool may_be_missing = false;
  };

  std::uint8_t what = 0;
  std::string name;
  std::int64_t min = 0;
  std::uint64_t max = 0;
  std::uint64_t size = 0;
  bool has_names = false;
  std::vector<std::uint32_t> parts;
  std::vector<field> fields;
};

struct signature_record {
  std::string name;
  std::vector<std::uint32_t> arguments;
  std::uint32_t result = 0;
};

/// An interface, and what the constructor of an actor's class is given, for a process that has none of its types.
struct interface_record {
  std::string name;
  std::vector<shape_record> shapes;
  std::vector<signature_record> methods;
  std::vector<std::uint32_t> constructor;
};

} // namespace interp_actors
