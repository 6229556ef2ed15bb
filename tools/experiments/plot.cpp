#include <pugixml.hpp>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <sstream>

#include "summary.hpp"

namespace ia_experiments {

namespace {

using nlohmann::ordered_json;

// Sizes in SVG's own units, which browsers show as pixels.
constexpr double panel_width = 320;
constexpr double panel_height = 240;
constexpr double margin_left = 70;
constexpr double margin_right = 20;
constexpr double margin_top = 40;
constexpr double margin_bottom = 50;
constexpr std::size_t panels_in_row = 3;
constexpr std::size_t most_labels = 8;
/// From this ratio of the largest value to the smallest on, the scale is logarithmic.
constexpr double many_magnitudes = 50;

std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.4g", value);
  return text;
}

std::string place(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2f", value);
  return text;
}

/// Maps values to [0, 1].
class scale {
public:
  explicit scale(const std::vector<double>& values) {
    auto [least, most] = std::ranges::minmax(values);
    logarithmic_ = least > 0 && most / least >= many_magnitudes;
    low_ = logarithmic_ ? std::log10(least) : least;
    high_ = logarithmic_ ? std::log10(most) : most;
    if (high_ <= low_) { // one value alone lies in the middle
      auto room = std::max(std::abs(low_) / 2, 0.5);
      low_ -= room;
      high_ += room;
    }
  }

  double operator()(double value) const {
    return ((logarithmic_ ? std::log10(value) : value) - low_) / (high_ - low_);
  }

  std::vector<double> ticks(std::size_t count) const {
    std::vector<double> result;
    for (std::size_t i = 0; i < count; ++i) {
      auto at = low_ + (high_ - low_) * static_cast<double>(i) / static_cast<double>(count - 1);
      result.push_back(logarithmic_ ? std::pow(10, at) : at);
    }
    return result;
  }

private:
  bool logarithmic_ = false;
  double low_ = 0;
  double high_ = 1;
};

struct point {
  ordered_json parameter;
  double metric;
  std::string title;
};

pugi::xml_node add(pugi::xml_node to, const char* name,
                   const std::vector<std::pair<const char*, std::string>>& attributes,
                   const std::string& text = "") {
  auto node = to.append_child(name);
  for (auto& [key, value] : attributes)
    node.append_attribute(key).set_value(value.c_str());
  if (!text.empty())
    node.append_child(pugi::node_pcdata).set_value(text.c_str());
  return node;
}

/// Where the points lie along a parameter, in [0, 1], and what is written there.
struct positions {
  std::vector<double> of_points;
  std::vector<std::pair<double, std::string>> labels;
};

positions along(const std::vector<point>& points) {
  positions result;
  if (std::ranges::all_of(points, [](auto& one) { return one.parameter.is_number(); })) {
    std::vector<double> values;
    for (auto& one : points)
      values.push_back(one.parameter.get<double>());
    scale to{values};
    for (auto value : values)
      result.of_points.push_back(to(value));
    std::ranges::sort(values);
    values.erase(std::ranges::unique(values).begin(), values.end());
    if (values.size() > most_labels)
      values = to.ticks(5);
    for (auto value : values)
      result.labels.emplace_back(to(value), number(value));
    return result;
  }
  std::vector<std::string> names;
  for (auto& one : points) {
    auto name = one.parameter.is_string() ? one.parameter.get<std::string>() : one.parameter.dump();
    if (std::ranges::find(names, name) == names.end())
      names.push_back(name);
  }
  auto at = [&](std::size_t i) { return (static_cast<double>(i) + 0.5) / static_cast<double>(names.size()); };
  for (auto& one : points) {
    auto name = one.parameter.is_string() ? one.parameter.get<std::string>() : one.parameter.dump();
    result.of_points.push_back(at(static_cast<std::size_t>(std::ranges::find(names, name) - names.begin())));
  }
  for (std::size_t i = 0; i < names.size(); ++i)
    result.labels.emplace_back(at(i), names[i]);
  return result;
}

void draw_panel(pugi::xml_node svg, double left, double top, const std::string& parameter,
                const std::string& metric, const std::vector<point>& points, std::size_t best) {
  auto panel = add(svg, "g", {{"transform", "translate(" + place(left) + "," + place(top) + ")"}});
  auto width = panel_width - margin_left - margin_right;
  auto height = panel_height - margin_top - margin_bottom;
  auto x = [&](double share) { return place(margin_left + share * width); };
  auto y = [&](double share) { return place(margin_top + (1 - share) * height); };
  std::vector<double> metrics;
  for (auto& one : points)
    metrics.push_back(one.metric);
  scale upwards{metrics};
  add(panel, "rect",
      {{"x", place(margin_left)},
       {"y", place(margin_top)},
       {"width", place(width)},
       {"height", place(height)},
       {"class", "frame"}});
  add(panel, "text", {{"x", x(0.5)}, {"y", place(margin_top - 12)}, {"class", "heading"}},
      metric + " over " + parameter);
  for (auto tick : upwards.ticks(4)) {
    add(panel, "line",
        {{"x1", x(0)}, {"x2", x(1)}, {"y1", y(upwards(tick))}, {"y2", y(upwards(tick))}, {"class", "grid"}});
    add(panel, "text", {{"x", place(margin_left - 6)}, {"y", y(upwards(tick))}, {"class", "left"}},
        number(tick));
  }
  auto where = along(points);
  // Points on the frame are cut off, so that all lie a little inside.
  auto inside = [](double share) { return 0.04 + 0.92 * share; };
  for (auto& [share, text] : where.labels)
    add(panel, "text", {{"x", x(inside(share))}, {"y", place(margin_top + height + 16)}, {"class", "below"}},
        text);
  add(panel, "text", {{"x", x(0.5)}, {"y", place(margin_top + height + 36)}, {"class", "below"}}, parameter);
  for (std::size_t i = 0; i < points.size(); ++i) {
    auto circle = add(panel, "circle",
                      {{"cx", x(inside(where.of_points[i]))},
                       {"cy", y(upwards(points[i].metric))},
                       {"r", i == best ? "5" : "3.5"},
                       {"class", i == best ? "best" : "point"}});
    add(circle, "title", {}, points[i].title);
  }
}

constexpr const char* style = R"(
text { font: 11px sans-serif; fill: #333; }
.heading { font-size: 13px; text-anchor: middle; }
.left { text-anchor: end; dominant-baseline: middle; }
.below { text-anchor: middle; }
.frame { fill: none; stroke: #888; }
.grid { stroke: #ddd; }
.point { fill: #1f77b4; fill-opacity: 0.6; }
.best { fill: #d62728; }
)";

} // namespace

std::string plot(const std::vector<trial_row>& rows, const std::string& metric, bool maximize) {
  std::vector<const trial_row*> shown;
  std::vector<std::string> parameters;
  for (auto& row : rows) {
    auto value = metric_of(row, metric);
    if (!value || row.result->what != outcome::done || !std::isfinite(*value))
      continue;
    shown.push_back(&row);
    for (auto& [name, ignored] : row.trial.parameters.items())
      if (std::ranges::find(parameters, name) == parameters.end())
        parameters.push_back(name);
  }
  std::size_t best = 0;
  for (std::size_t i = 1; i < shown.size(); ++i) {
    auto mine = *metric_of(*shown[i], metric), other = *metric_of(*shown[best], metric);
    if (maximize ? mine > other : mine < other)
      best = i;
  }
  auto columns = std::clamp<std::size_t>(parameters.size(), 1, panels_in_row);
  auto lines = std::max<std::size_t>((parameters.size() + columns - 1) / columns, 1);
  auto width = place(panel_width * static_cast<double>(columns));
  auto height = place(panel_height * static_cast<double>(lines));
  pugi::xml_document document;
  auto svg = add(document, "svg",
                 {{"xmlns", "http://www.w3.org/2000/svg"},
                  {"width", width},
                  {"height", height},
                  {"viewBox", "0 0 " + width + " " + height}});
  add(svg, "style", {}, style);
  add(svg, "rect", {{"width", width}, {"height", height}, {"fill", "white"}});
  if (shown.empty() || parameters.empty())
    add(svg, "text", {{"x", "20"}, {"y", "30"}},
        "No finished trial has a number '" + metric + "' to show over a parameter.");
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    std::vector<point> points;
    std::size_t best_here = std::numeric_limits<std::size_t>::max();
    for (std::size_t row = 0; row < shown.size(); ++row) {
      auto found = shown[row]->trial.parameters.find(parameters[i]);
      if (found == shown[row]->trial.parameters.end())
        continue;
      if (row == best)
        best_here = points.size();
      auto value = *metric_of(*shown[row], metric);
      points.push_back({*found, value,
                        shown[row]->trial.id + ": " + to_text(shown[row]->trial.parameters) + ", " + metric
                            + " " + number(value)});
    }
    draw_panel(svg, panel_width * static_cast<double>(i % columns),
               panel_height * static_cast<double>(i / columns), parameters[i], metric, points, best_here);
  }
  std::ostringstream out;
  document.save(out, "  ");
  return std::move(out).str();
}

} // namespace ia_experiments
