// Two interpreters sum the halves of one array at the same time. The array is one block of C++ memory, which
// both read as a memoryview of doubles.

// [parallel_sum.cpp]
#include "interp_actors/all.hpp"

#include <iostream>
#include <numeric>
#include <vector>

int main(int argc, char** argv) {
  return ia::run_main(argc, argv, [](ia::runtime& rt) {
    std::vector<double> numbers(1'000'000);
    std::iota(numbers.begin(), numbers.end(), 1.0);
    ia::array<double> all{std::move(numbers)};

    auto [sums_tx, sums_rx] = rt.channel<double>();
    std::vector<ia::interpreter_actor> workers;
    auto half = all.bytes().size() / 2;
    for (auto part : {all.bytes().sub_range(0, half), all.bytes().sub_range(half)}) {
      auto [part_tx, part_rx] = rt.channel<double>();
      workers.push_back(ia::value_or_throw(
          rt.spawn(ia::file("parallel_sum.py"), {.channels = {{"parts", part_rx}, {"sums", sums_tx}}})));
      ia::compat::anonymous_send(workers.back(), ia::call_atom_v, std::string{"work"}, ia::shared_bytes{});
      ia::compat::anonymous_send(part_tx, ia::send_atom_v, part);
    }
    double total = 0;
    for (auto _ : workers)
      total += ia::value_or_throw(sums_rx.recv())[0];
    std::cout << "1 + 2 + ... + " << all.size() << " = " << std::fixed << total << '\n';
  });
}
// [/parallel_sum.cpp]
