#include "node_list.hpp"

#include <interp_actors/all.hpp>

#include <map>
#include <sstream>
#include <stdexcept>

#include "user_code.hpp"

namespace ia_program {

namespace {

std::string trimmed(const std::string& text) {
  constexpr const char* blank = " \t\r\f\v";
  auto begin = text.find_first_not_of(blank);
  return begin == std::string::npos ? "" : text.substr(begin, text.find_last_not_of(blank) + 1 - begin);
}

/// What is wrong with a node's name; empty for nothing.
std::string mistake_in(const std::string& name, bool has_certificates) {
  auto where = ia::parse_endpoint(name);
  if (!where || where->host.empty() || where->port == 0)
    return "'" + name + "' names no node; write HOST:PORT, such as worker-1:4242";
  if (has_certificates)
    return {};
  try {
    if (!ia::is_loopback(*where))
      return name
             + " is another machine, and nothing leaves this one without certificates; give --certificate, "
               "--key and --ca";
  } catch (const std::runtime_error& problem) {
    return problem.what();
  }
  return {};
}

} // namespace

std::vector<std::string> read_node_list(const std::filesystem::path& file, bool has_certificates) {
  std::vector<std::string> result;
  std::map<std::string, std::size_t> lines; // of each node
  std::istringstream in{read_file(file)};
  std::string text;
  for (std::size_t line = 1; std::getline(in, text); ++line) {
    auto name = trimmed(text.substr(0, text.find('#')));
    if (name.empty())
      continue;
    auto refuse = [&](const std::string& why) {
      throw std::invalid_argument(file.string() + ':' + std::to_string(line) + ": " + why);
    };
    if (auto mistake = mistake_in(name, has_certificates); !mistake.empty())
      refuse(mistake);
    name = to_string(*ia::parse_endpoint(name));
    if (auto [place, is_new] = lines.emplace(name, line); !is_new)
      refuse(name + " is in line " + std::to_string(place->second) + " already");
    result.push_back(name);
  }
  if (result.empty())
    throw std::invalid_argument(file.string() + ": no nodes; write one in each line, as HOST:PORT");
  return result;
}

} // namespace ia_program
