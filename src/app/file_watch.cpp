#include "app/file_watch.hpp"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <utility>

#include <boost/asio/buffer.hpp>

#include "base/log.hpp"

namespace lb::app {
namespace {

constexpr base::Duration kSettle{100};        // left alone for so long, a file is finished
constexpr unsigned kSettleLooks = 20;         // then it is read all the same
constexpr base::Duration kFolderLook{1'000};  // for a folder that is gone

}  // namespace

FileWatch::FileWatch(net::Executor executor, net::DeadlineWheel& wheel, net::TaskGroup& tasks, std::string path,
                     std::function<void()> on_change)
    : events_(executor),
      tasks_(tasks),
      path_(std::move(path)),
      folder_(std::filesystem::path(path_).parent_path()),
      on_change_(std::move(on_change)),
      wheel_(wheel),
      settling_(std::move(executor), wheel) {
  if (folder_.empty()) folder_ = ".";
}

std::string FileWatch::start(std::string seen) {
  const int descriptor = ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  if (descriptor < 0) return std::string("cannot watch files: ") + std::strerror(errno);
  boost::system::error_code code;
  events_.assign(descriptor, code);
  if (code) {
    ::close(descriptor);
    return "cannot watch files: " + code.message();
  }
  if (!watch_folders()) {
    const std::string cause = std::strerror(errno);
    stop();
    return "cannot watch " + folder_ + ": " + cause;
  }
  seen_ = std::move(seen);
  if (!seen_.empty()) seen_ += fingerprint_of_others();
  tasks_.spawn(run());
  return {};
}

// A folder that is watched already stays so: adding it again does nothing. False, with errno set, if it is not there.
void FileWatch::watch_also(std::vector<std::string> others) {
  if (others == others_) return;
  const bool known = !seen_.empty() && seen_ == fingerprint_of_all();
  others_ = std::move(others);
  if (known) seen_ = fingerprint_of_all();
  if (events_.is_open()) static_cast<void>(watch_folders());
}

// Empty: the watched one is gone.
std::string FileWatch::fingerprint_of_all() const {
  std::string all = fingerprint(path_);
  return all.empty() ? all : all + fingerprint_of_others();
}

std::string FileWatch::fingerprint_of_others() const {
  std::string all;
  for (const std::string& other : others_) all += ' ' + fingerprint(other);
  return all;
}

bool FileWatch::watch_folders() {
  constexpr std::uint32_t kEvents =
      IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_CREATE | IN_DELETE | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF;
  std::error_code failure;
  const std::filesystem::path target = std::filesystem::canonical(path_, failure);
  if (!failure) ::inotify_add_watch(events_.native_handle(), target.parent_path().c_str(), kEvents);
  for (const std::string& other : others_) {
    const std::filesystem::path folder = std::filesystem::path(other).parent_path();
    ::inotify_add_watch(events_.native_handle(), folder.empty() ? "." : folder.c_str(), kEvents);
    const std::filesystem::path file = std::filesystem::canonical(other, failure);
    if (!failure) ::inotify_add_watch(events_.native_handle(), file.parent_path().c_str(), kEvents);
  }
  return ::inotify_add_watch(events_.native_handle(), folder_.c_str(), kEvents) >= 0;
}

void FileWatch::stop() {
  stopped_ = true;
  boost::system::error_code ignored;
  events_.close(ignored);
  settling_.wake();
}

net::Awaitable<void> FileWatch::run() {
  // Not do ... while (co_await ...): in that GCC 12 takes a `continue` past the condition.
  for (bool go_on = true; go_on;) {
    co_await watch_again();
    std::string now = co_await settled_fingerprint();
    if (stopped_) co_return;
    say_whether_gone(now.empty());
    // While it is gone nothing changes: the event of its return follows.
    if (!now.empty() && now != seen_) {
      seen_ = std::move(now);
      on_change_();
    }
    go_on = co_await read_events();
  }
}

// Not for a moment, as some editors do it.
void FileWatch::say_whether_gone(bool gone) {
  if (std::exchange(gone_, gone) == gone) return;
  if (gone) {
    base::log(base::LogLevel::warning, path_ + " is gone; what was read stays in force until it is back");
  } else {
    base::log(base::LogLevel::info, path_ + " is back");
  }
}

// What happened does not matter, only that something did: false at the end.
net::Awaitable<bool> FileWatch::read_events() {
  const auto [code, bytes] = co_await events_.async_read_some(net::asio::buffer(buffer_), net::use_result);
  if (code && !stopped_) base::log(base::LogLevel::error, "the file is no longer watched: " + code.message());
  co_return !code && !stopped_;
}

// Whoever writes the file in several steps is given the time to finish.
net::Awaitable<std::string> FileWatch::settled_fingerprint() {
  std::string now = fingerprint_of_all();
  for (unsigned look = 0; look < kSettleLooks && !stopped_ && now != seen_; ++look) {
    co_await settling_.until(wheel_.after(kSettle));
    std::string later = fingerprint_of_all();
    const bool settled = later == now;
    now = std::move(later);
    if (settled) break;
  }
  co_return now;
}

// Links may mean another folder now, and a folder may have been replaced.
net::Awaitable<void> FileWatch::watch_again() {
  bool complained = false;
  while (!stopped_ && !watch_folders()) {
    if (!std::exchange(complained, true)) {
      base::log(base::LogLevel::warning, "the folder " + folder_ + " is gone; waiting for it to come back");
    }
    co_await settling_.until(wheel_.after(kFolderLook));
  }
}

std::string FileWatch::fingerprint(const std::string& path) {
  struct stat file{};
  if (::stat(path.c_str(), &file) != 0) return {};
  return std::to_string(file.st_dev) + "/" + std::to_string(file.st_ino) + "/" + std::to_string(file.st_size) + "/" +
         std::to_string(file.st_mtim.tv_sec) + "." + std::to_string(file.st_mtim.tv_nsec);
}

}  // namespace lb::app
