// Short files, whole or not at all.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "acme/problem.hpp"

namespace lb::acme {

// Makes the folder with mode 0700, and those above it that are not there. Nothing: it is there.
[[nodiscard]] std::optional<Problem> make_folder(const std::string& path);

// An empty optional: there is no such file.
[[nodiscard]] Outcome<std::optional<std::string>> read_file(const std::string& path);

// With mode 0600. After a crash the file is the old one or the new one, never a part of it.
[[nodiscard]] std::optional<Problem> write_file(const std::string& path, std::string_view text);

// It is no mistake if there is none.
[[nodiscard]] std::optional<Problem> remove_file(const std::string& path);

// Tells one content of a file from another without reading it. All 0: there is none.
struct FileMark {
  std::uint64_t inode = 0;
  std::int64_t changed_ns = 0;
  std::int64_t size = 0;

  friend bool operator==(const FileMark&, const FileMark&) = default;
};
[[nodiscard]] FileMark mark_of(const std::string& path) noexcept;

// What one of several instances that share a folder holds while it works on it. The kernel takes it from a process that
// ends, however it ends.
class FileLock {
 public:
  FileLock(FileLock&& other) noexcept;
  FileLock& operator=(FileLock&& other) noexcept;
  ~FileLock();

  // Never waits. An empty optional: somebody else holds it.
  [[nodiscard]] static Outcome<std::optional<FileLock>> take(const std::string& path);

 private:
  explicit FileLock(int descriptor) noexcept : descriptor_(descriptor) {}

  int descriptor_ = -1;
};

}  // namespace lb::acme
