#pragma once

#include "interp_actors/all.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <stdexcept>
#include <string>

namespace ia_test {

/// A folder with certificates, made as the README says, by openssl(1).
class certificates {
public:
  certificates()
      : folder_{std::filesystem::path{::testing::TempDir()}
                / ("certificates_" + std::to_string(::getpid()))} {
    std::filesystem::create_directories(folder_);
    make_authority("ca");
    make("node", "ca");
    make("controller", "ca");
  }
  certificates(const certificates&) = delete;
  certificates& operator=(const certificates&) = delete;
  ~certificates() { std::filesystem::remove_all(folder_); }

  std::string path(const std::string& file) const { return (folder_ / file).string(); }

  /// The files of `name` that trust `authority`.
  ia::certificate_files files(const std::string& name, const std::string& authority = "ca") const {
    return {path(name + ".pem"), path(name + ".key"), path(authority + ".pem")};
  }

  std::vector<std::string> arguments(const std::string& name, const std::string& authority = "ca") const {
    return {"--certificate", path(name + ".pem"),     "--key", path(name + ".key"),
            "--ca",          path(authority + ".pem")};
  }

  void make_authority(const std::string& name) {
    run("openssl req -x509 -newkey ed25519 -nodes -days 3650 -subj /CN=" + name + " -keyout " + name
        + ".key -out " + name + ".pem");
  }

  /// A certificate that `authority` has signed; `when` are further options of openssl x509.
  void make(const std::string& name, const std::string& authority, const std::string& when = "-days 365") {
    run("openssl req -newkey ed25519 -nodes -subj /CN=" + name + " -keyout " + name + ".key -out " + name
        + ".csr");
    run("openssl x509 -req -in " + name + ".csr -CA " + authority + ".pem -CAkey " + authority + ".key "
        + when + " -out " + name + ".pem");
  }

  /// Runs a command in the folder and returns what it says; `input` is its stdin.
  std::string say(const std::string& command) {
    auto* pipe = ::popen(("cd '" + folder_.string() + "' && " + command + " 2>&1").c_str(), "r");
    if (!pipe)
      throw std::runtime_error("no pipe");
    std::string result;
    std::array<char, 4096> chunk{};
    for (std::size_t n = 0; (n = std::fread(chunk.data(), 1, chunk.size(), pipe)) > 0;)
      result.append(chunk.data(), n);
    status_ = ::pclose(pipe);
    return result;
  }

private:
  void run(const std::string& command) {
    auto said = say(command);
    if (status_ != 0)
      throw std::runtime_error(command + ": " + said);
  }

  const std::filesystem::path folder_;
  int status_ = 0;
};

} // namespace ia_test
