#pragma once

#include <chrono>
#include <cstddef>
#include <optional>

#include "indexer.hpp"
#include "screen.hpp"
#include "source_files.hpp"

/// How long some interpreters took.
struct speed {
  std::size_t interpreters = 0;
  std::chrono::duration<double> time{};
  /// Time on a core that they had for it, together: less than `time` each where other programs run.
  std::chrono::duration<double> cpu_time{};
};

/// The same files indexed by one interpreter and by all, if there are more.
struct measurement {
  std::size_t files = 0;
  std::size_t bytes = 0;
  std::size_t rounds = 0;
  speed one;
  std::optional<speed> all;
};

/// Prints what was found, the ten largest files, and what became of the others.
void print_index(screen& out, const source_files& sources, const pass& index, const chaos_files& chaos);

/// Prints the speeds and the gain.
void print_speed(screen& out, const measurement& measured);

/// Whether nothing happened that a user should look into: files that do not parse and the chaos are part of
/// the show.
bool went_well(const source_files& sources, const pass& index, const chaos_files& chaos);

/// 11272138 bytes are "11.3 MB".
std::string size_text(std::size_t bytes);

/// "1 file", "2 files"; `plural` where an s does not make one.
std::string several(std::size_t count, const std::string& singular, const std::string& plural = "");
