#include "acme/file.hpp"

#include <cerrno>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>

#include "acme/limits.hpp"
#include "acme/text.hpp"

namespace lb::acme {
namespace {

constexpr mode_t kFolderMode = 0700;
constexpr mode_t kFileMode = 0600;

class Descriptor {
 public:
  explicit Descriptor(int value) noexcept : value_(value) {}
  ~Descriptor() { close(); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  [[nodiscard]] int get() const noexcept { return value_; }
  // False: what was written may not be there.
  bool close() noexcept { return value_ < 0 || ::close(std::exchange(value_, -1)) == 0; }
  [[nodiscard]] int release() noexcept { return std::exchange(value_, -1); }

 private:
  int value_;
};

Problem cannot(std::string_view what, const std::string& path, int error) {
  return {"cannot " + std::string(what) + " " + harmless(path) + ": " + std::generic_category().message(error)};
}

bool write_all(const Descriptor& file, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(file.get(), text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

std::string folder_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == 0 || slash == std::string::npos ? "/" : path.substr(0, slash);
}

// A name that was changed is only there for good when its folder is.
bool keep_folder(const std::string& path) {
  const Descriptor folder(::open(folder_of(path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  return folder.get() >= 0 && ::fsync(folder.get()) == 0;
}

bool write_new(const std::string& path, std::string_view text) {
  Descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, kFileMode));
  if (file.get() < 0) return false;
  // It may be there already, left by a crash.
  return ::fchmod(file.get(), kFileMode) == 0 && write_all(file, text) && ::fsync(file.get()) == 0 && file.close();
}

}  // namespace

std::optional<Problem> make_folder(const std::string& path) {
  for (std::size_t end = path.find('/', 1);; end = path.find('/', end + 1)) {
    const std::string part = path.substr(0, end);
    if (::mkdir(part.c_str(), kFolderMode) != 0 && errno != EEXIST) return cannot("make the folder", part, errno);
    if (end == std::string::npos) break;
  }
  struct stat found{};
  if (::stat(path.c_str(), &found) != 0) return cannot("look at", path, errno);
  if (!S_ISDIR(found.st_mode)) return cannot("use", path, ENOTDIR);
  return std::nullopt;
}

Outcome<std::optional<std::string>> read_file(const std::string& path) {
  // Of anything but a file, such as a pipe, opening might wait for somebody.
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.get() < 0 && errno == ENOENT) return std::optional<std::string>();
  struct stat found{};
  if (file.get() < 0 || ::fstat(file.get(), &found) != 0) return cannot("read", path, errno);
  if (!S_ISREG(found.st_mode)) return Problem{"cannot read " + harmless(path) + ": it is no file"};
  if (found.st_size > static_cast<off_t>(kFileBytesMax)) {
    return Problem{"cannot read " + harmless(path) + ": it is larger than " + std::to_string(kFileBytesMax) + " bytes"};
  }
  std::string text(static_cast<std::size_t>(found.st_size), '\0');
  std::size_t got = 0;
  while (got < text.size()) {
    const ssize_t bytes = ::read(file.get(), text.data() + got, text.size() - got);
    if (bytes < 0 && errno == EINTR) continue;
    if (bytes < 0) return cannot("read", path, errno);
    if (bytes == 0) break;
    got += static_cast<std::size_t>(bytes);
  }
  text.resize(got);
  return std::optional<std::string>(std::move(text));
}

std::optional<Problem> write_file(const std::string& path, std::string_view text) {
  const std::string fresh = path + ".new";
  if (!write_new(fresh, text)) {
    const int error = errno;
    ::unlink(fresh.c_str());
    return cannot("write", fresh, error);
  }
  if (::rename(fresh.c_str(), path.c_str()) != 0 || !keep_folder(path)) return cannot("write", path, errno);
  return std::nullopt;
}

std::optional<Problem> remove_file(const std::string& path) {
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return cannot("remove", path, errno);
  return std::nullopt;
}

FileMark mark_of(const std::string& path) noexcept {
  struct stat found{};
  if (::stat(path.c_str(), &found) != 0) return {};
  constexpr std::int64_t kSecond = 1'000'000'000;
  return {found.st_ino, found.st_mtim.tv_sec * kSecond + found.st_mtim.tv_nsec, found.st_size};
}

FileLock::FileLock(FileLock&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}

FileLock& FileLock::operator=(FileLock&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  return *this;
}

FileLock::~FileLock() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

Outcome<std::optional<FileLock>> FileLock::take(const std::string& path) {
  Descriptor file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, kFileMode));
  if (file.get() < 0) return cannot("open", path, errno);
  if (::flock(file.get(), LOCK_EX | LOCK_NB) == 0) return std::optional<FileLock>(FileLock(file.release()));
  if (errno == EWOULDBLOCK) return std::optional<FileLock>();
  return cannot("lock", path, errno);
}

}  // namespace lb::acme
