#include "summary.hpp"

#include <ftxui/dom/elements.hpp>
#include <ftxui/dom/table.hpp>
#include <ftxui/screen/screen.hpp>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <sstream>

namespace ia_experiments {

namespace {

using nlohmann::ordered_json;

bool is_done(const trial_row& row) {
  return row.result && row.result->what == outcome::done;
}

/// A value as it stands in tables; long numbers are cut.
std::string cell(const ordered_json& value) {
  if (value.is_string())
    return value.get<std::string>();
  if (!value.is_number_float())
    return value.dump();
  char text[32];
  std::snprintf(text, sizeof text, "%.6g", value.get<double>());
  return text;
}

/// The names of what the rows' objects hold, each once, in the order in which they come.
std::vector<std::string> names_in(const std::vector<const ordered_json*>& objects) {
  std::vector<std::string> result;
  for (auto* object : objects)
    for (auto& [name, value] : object->items())
      if (std::ranges::find(result, name) == result.end())
        result.push_back(name);
  return result;
}

std::string csv_field(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos)
    return text;
  std::string result = "\"";
  for (char c : text) {
    result += c;
    if (c == '"')
      result += '"';
  }
  return result + '"';
}

std::string csv_value(const ordered_json* value) {
  if (!value || value->is_null())
    return "";
  return csv_field(value->is_string() ? value->get<std::string>() : value->dump());
}

const ordered_json* find(const ordered_json& object, const std::string& name) {
  auto found = object.find(name);
  return found == object.end() ? nullptr : &*found;
}

std::string fixed(double value, int digits) {
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", digits, value);
  return text;
}

} // namespace

std::optional<double> metric_of(const trial_row& row, const std::string& name) {
  if (!row.result || name.empty())
    return std::nullopt;
  auto* value = find(row.result->values, name);
  if (!value || !value->is_number())
    return std::nullopt;
  return value->get<double>();
}

std::string common_metric(const std::vector<trial_row>& rows) {
  auto first = std::ranges::find_if(rows, is_done);
  if (first == rows.end())
    return {};
  for (auto& [name, value] : first->result->values.items())
    if (std::ranges::all_of(rows,
                            [&](auto& row) {
                              auto* one = is_done(row) ? find(row.result->values, name) : nullptr;
                              return !is_done(row)
                                     || (one
                                         && (one->is_number() || one->is_null())); // null is what NaN became
                            })
        && value.is_number())
      return name;
  return {};
}

std::vector<const trial_row*> best_trials(const std::vector<trial_row>& rows, const std::string& metric,
                                          bool maximize, std::size_t count) {
  std::vector<const trial_row*> result;
  for (auto& row : rows)
    if (is_done(row))
      result.push_back(&row);
  if (!metric.empty())
    std::ranges::stable_sort(result, [&](auto* a, auto* b) {
      auto x = metric_of(*a, metric), y = metric_of(*b, metric);
      if (!x || !y)
        return x && !y;
      return maximize ? *x > *y : *x < *y;
    });
  result.resize(std::min(result.size(), count));
  return result;
}

std::string table(const std::vector<const trial_row*>& rows, int width) {
  std::vector<const ordered_json*> parameters, values;
  for (auto* row : rows) {
    parameters.push_back(&row->trial.parameters);
    if (row->result)
      values.push_back(&row->result->values);
  }
  auto parameter_names = names_in(parameters);
  auto value_names = names_in(values);
  std::erase_if(value_names, [&](auto& name) { // long lists make no table
    return std::ranges::any_of(values, [&](auto* one) {
      auto* value = find(*one, name);
      return value && value->is_structured();
    });
  });
  std::vector<std::vector<std::string>> lines{{"trial"}};
  lines[0].insert(lines[0].end(), parameter_names.begin(), parameter_names.end());
  lines[0].insert(lines[0].end(), value_names.begin(), value_names.end());
  lines[0].push_back("seconds");
  for (auto* row : rows) {
    auto& line = lines.emplace_back(std::vector{row->trial.id});
    for (auto& name : parameter_names) {
      auto* value = find(row->trial.parameters, name);
      line.push_back(value ? cell(*value) : "");
    }
    for (auto& name : value_names) {
      auto* value = row->result ? find(row->result->values, name) : nullptr;
      line.push_back(value ? cell(*value) : "");
    }
    line.push_back(row->result ? fixed(row->result->seconds, 3) : "");
  }
  ftxui::Table drawn{lines};
  drawn.SelectAll().SeparatorVertical(ftxui::EMPTY);
  drawn.SelectRow(0).BorderBottom(ftxui::LIGHT);
  auto element = drawn.Render();
  element->ComputeRequirement();
  auto needed = element->requirement().min_x;
  auto screen = ftxui::Screen::Create(ftxui::Dimension::Fixed(width > 0 ? std::min(width, needed) : needed),
                                      ftxui::Dimension::Fixed(element->requirement().min_y));
  ftxui::Render(screen, element);
  std::istringstream drawn_lines{screen.ToString()};
  std::string result;
  for (std::string line; std::getline(drawn_lines, line);) // they end with "\r\n", and blanks before
    result += line.substr(0, line.find_last_not_of(" \r") + 1) + '\n';
  return result;
}

std::string to_csv(const std::vector<trial_row>& rows) {
  std::vector<const ordered_json*> parameters, values;
  for (auto& row : rows) {
    parameters.push_back(&row.trial.parameters);
    if (row.result)
      values.push_back(&row.result->values);
  }
  auto parameter_names = names_in(parameters);
  auto value_names = names_in(values);
  std::string result = "trial,number";
  for (auto& name : parameter_names)
    result += ',' + csv_field(name);
  result += ",outcome";
  for (auto& name : value_names) // a parameter may be returned, too
    result +=
        ','
        + csv_field(std::ranges::find(parameter_names, name) == parameter_names.end() ? name
                                                                                      : "result." + name);
  result += ",seconds,attempts,problem\r\n";
  for (auto& row : rows) {
    result += row.trial.id + ',' + std::to_string(row.trial.number);
    for (auto& name : parameter_names)
      result += ',' + csv_value(find(row.trial.parameters, name));
    result += ',' + (row.result ? to_string(row.result->what) : "not run");
    for (auto& name : value_names)
      result += ',' + (row.result ? csv_value(find(row.result->values, name)) : "");
    if (row.result)
      result += ',' + fixed(row.result->seconds, 6) + ',' + std::to_string(row.result->attempts) + ','
                + csv_field(row.result->problem);
    else
      result += ",,,";
    result += "\r\n";
  }
  return result;
}

std::string to_json(const std::vector<trial_row>& rows) {
  auto result = ordered_json::array();
  for (auto& row : rows) {
    ordered_json one{{"trial", row.trial.id},
                     {"number", row.trial.number},
                     {"parameters", row.trial.parameters},
                     {"outcome", row.result ? to_string(row.result->what) : "not run"}};
    if (row.result) {
      one["result"] = row.result->values;
      one["seconds"] = row.result->seconds;
      one["attempts"] = row.result->attempts;
      if (row.result->what == outcome::failed) {
        one["problem"] = row.result->problem;
        one["traceback"] = row.result->details;
      }
    }
    result.push_back(std::move(one));
  }
  return result.dump(2, ' ', false, ordered_json::error_handler_t::replace) + '\n';
}

} // namespace ia_experiments
