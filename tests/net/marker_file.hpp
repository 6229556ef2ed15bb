#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <string>

namespace ia_test {

/// A file through which Python code on a node tells the test that it has come to some place, or the test tells the code.
/// Thread: any.
class marker_file {
public:
  explicit marker_file(const std::string& name)
      : path_{std::string{::testing::TempDir()} + name + "_" + std::to_string(::getpid())} {
    ::unlink(path_.c_str());
  }
  marker_file(const marker_file&) = delete;
  marker_file& operator=(const marker_file&) = delete;
  ~marker_file() { ::unlink(path_.c_str()); }

  const std::string& path() const noexcept { return path_; }
  bool is_there() const { return ::access(path_.c_str(), F_OK) == 0; }

  /// `mark()` and `is_marked()`, to append to a source.
  std::string python() const {
    return "\nimport os\ndef mark(): open('" + path_
           + "', 'w').close()\ndef is_marked(): return os.path.exists('" + path_ + "')\n";
  }

private:
  const std::string path_;
};

} // namespace ia_test
