// Counts the words of Python's standard library with a pipeline of three interpreters. Files are mapped by C++
// and travel through channels to where they are counted, without a copy.
//
//     C++ ── files ──> filter ── sources ──> split ── counts ──> merge ── totals ──> C++
//
// Usage: word_count FOLDER, in the folder of the Python files.

#include "interp_actors/all.hpp"

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <thread>
#include <vector>

namespace {

/// One stage: an interpreter that runs `path` with its channels as globals, to its end.
class stage {
public:
  stage(ia::runtime& rt, const char* path, ia::channel_bindings channels)
      : thread_{[&rt, path, this, channels = std::move(channels)]() mutable {
          result_ = rt.run(ia::file(path), {.channels = std::move(channels), .name = path});
        }} {}

  /// Waits for the end. Errors: std::runtime_error with the traceback.
  void finish() {
    thread_.join();
    if (!result_.ok())
      throw std::runtime_error(result_.text);
  }

private:
  ia::run_result result_;
  std::jthread thread_;
};

/// Maps the Python files below `folder` that are not empty.
/// Errors: std::system_error.
std::vector<ia::shared_bytes> map_sources(const std::filesystem::path& folder) {
  std::vector<ia::shared_bytes> result;
  for (auto& entry : std::filesystem::recursive_directory_iterator{folder})
    if (entry.is_regular_file() && entry.path().extension() == ".py" && entry.file_size() != 0)
      result.push_back(ia::shared_bytes::map_file(entry.path()));
  return result;
}

} // namespace

int main(int argc, char** argv) {
  return ia::run_main(argc, argv, [argc, argv](ia::runtime& rt) {
    if (argc < 2)
      throw std::runtime_error("usage: word_count FOLDER");
    auto mapped = map_sources(argv[1]);
    auto [files_tx, files_rx] = rt.channel({.messages = 16});
    auto [sources_tx, sources_rx] = rt.channel({.messages = 16});
    auto [counts_tx, counts_rx] = rt.channel({.messages = 16});
    auto [totals_tx, totals_rx] = rt.channel();
    stage filter{rt, "filter.py", {{"files", files_rx}, {"sources", sources_tx}}};
    stage split{rt, "split.py", {{"sources", sources_rx}, {"counts", counts_tx}}};
    stage merge{rt, "merge.py", {{"counts", counts_rx}, {"totals", totals_tx}}};
    // Who has handed an end on keeps none: the end of the files is the end of all.
    sources_tx = counts_tx = totals_tx = decltype(totals_tx){};

    ia::caller me{rt.system()};
    std::size_t sent = 0, bytes = 0;
    for (auto& file : mapped) {
      // A request is answered when there is room, so at most 16 files wait.
      if (!me.request(caf::actor_cast<caf::strong_actor_ptr>(files_tx),
                      caf::make_message(ia::send_atom_v, file)))
        break; // the stage has ended: `finish` says why
      ++sent;
      bytes += file.size();
    }
    files_tx = decltype(files_tx){};
    for (auto& total : totals_rx)
      std::cout << total.as_string_view() << '\n';
    for (auto* one : {&filter, &split, &merge})
      one->finish();
    std::cout << sent << " files with " << bytes << " bytes, counted where they lie\n";
  });
}
