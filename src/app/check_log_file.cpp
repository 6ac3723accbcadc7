#include "app/check_log_file.hpp"

#include <cerrno>
#include <fcntl.h>
#include <filesystem>
#include <system_error>
#include <unistd.h>

#include "config/config_error.hpp"

namespace lb::app {

std::string log_file_problem(const std::string& path) {
  const auto reason = [&](int error) {
    return "cannot open " + config::in_quotes(path) + " for writing: " + std::generic_category().message(error);
  };
  // A pipe that nobody reads yet would hold us up, and refuses with ENXIO instead.
  const int file = ::open(path.c_str(), O_WRONLY | O_APPEND | O_NONBLOCK | O_CLOEXEC);
  if (file >= 0) ::close(file);
  if (file >= 0 || errno == ENXIO) return {};
  if (errno != ENOENT) return reason(errno);
  // A link to nowhere would be followed, and made there.
  std::error_code ignored;
  std::filesystem::path target = path;
  if (std::filesystem::is_symlink(target, ignored)) {
    target = target.parent_path() / std::filesystem::read_symlink(target, ignored);
  }
  std::filesystem::path folder = target.parent_path();
  if (folder.empty()) folder = ".";
  if (::faccessat(AT_FDCWD, folder.c_str(), W_OK | X_OK, AT_EACCESS) != 0) return reason(errno);
  return {};
}

}  // namespace lb::app
