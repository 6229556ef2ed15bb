#include "report.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <iomanip>
#include <ostream>
#include <sstream>

namespace ia_bench {

namespace {

std::string fixed(double value, int digits) {
  std::ostringstream out;
  out << std::fixed << std::setprecision(digits) << value;
  return out.str();
}

std::string amount(double value, const std::string& unit) {
  return fixed(value, value < 100 ? 1 : 0) + " " + unit;
}

const char* sense_of(const goal& one) {
  return one.direction == goal::sense::at_most ? "<=" : ">=";
}

void print_rows(std::ostream& out, const result& found) {
  using line = std::array<std::string, 7>;
  std::vector<line> lines{{"name", "ours", "peer", "peer's", "ratio", "goal", "met"}};
  for (auto& row : found.rows) {
    auto met = row.met();
    auto goal = row.goal ? std::string{sense_of(*row.goal)} + " " + fixed(row.goal->ratio, 2) : "-";
    lines.push_back({row.name, amount(row.value, row.unit), row.peer, amount(row.peer_value, row.unit),
                     fixed(row.ratio, row.ratio < 0.1 ? 4 : 3), goal, met ? (*met ? "yes" : "NO") : "-"});
  }
  std::array<std::size_t, 7> widths{};
  for (auto& cells : lines)
    for (std::size_t i = 0; i < cells.size(); ++i)
      widths[i] = std::max(widths[i], cells[i].size());
  for (auto& cells : lines) {
    for (std::size_t i = 0; i < cells.size(); ++i) {
      bool text = i == 0 || i == 2;
      out << (text ? std::left : std::right) << std::setw(static_cast<int>(widths[i])) << cells[i]
          << (i + 1 < cells.size() ? "  " : "\n");
    }
  }
  out << "\nratio = ours / peer's, both medians of " << found.rounds << " alternating rounds";
  if (!found.worst_case.empty())
    out << "; noise: the quartiles of the rounds lie at most " << fixed(found.worst_spread * 100, 1)
        << " % of the median apart (" << found.worst_case << ")";
  out << '\n';
}

} // namespace

void print_heading(std::ostream& out, const machine_facts& machine) {
  for (auto& [name, value] : machine)
    out << std::left << std::setw(10) << name << value << '\n';
  out << std::endl;
}

void print_table(std::ostream& out, const result& found) {
  if (!found.rows.empty())
    print_rows(out, found);
  for (auto& [name, why] : found.left_out)
    out << "left out: " << name << ": " << why << '\n';
}

void print_json(std::ostream& out, const machine_facts& machine, const result& found) {
  using nlohmann::ordered_json;
  ordered_json facts = ordered_json::object();
  for (auto& [name, value] : machine)
    facts[name] = value;
  auto rows = ordered_json::array();
  for (auto& row : found.rows) {
    ordered_json one{{"name", row.name},
                     {"unit", row.unit},
                     {"value", row.value},
                     {"peer", row.peer},
                     {"peer_value", row.peer_value},
                     {"ratio", row.ratio},
                     {"goal", nullptr},
                     {"goal_sense", nullptr},
                     {"met", nullptr}};
    if (row.goal) {
      one["goal"] = row.goal->ratio;
      one["goal_sense"] = sense_of(*row.goal);
      one["met"] = *row.met();
    }
    rows.push_back(std::move(one));
  }
  auto left_out = ordered_json::array();
  for (auto& [name, why] : found.left_out)
    left_out.push_back({{"name", name}, {"why", why}});
  ordered_json all{{"machine", std::move(facts)},
                   {"rounds", found.rounds},
                   {"worst_spread", found.worst_spread},
                   {"rows", std::move(rows)},
                   {"left_out", std::move(left_out)}};
  out << all.dump(2) << '\n';
}

} // namespace ia_bench
