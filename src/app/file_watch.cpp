#include "app/file_watch.hpp"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <utility>

#include <boost/asio/buffer.hpp>

namespace lb::app {
namespace {

// Whoever writes a file in several steps is given the time to finish.
constexpr base::Duration kSettle{100};

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

std::string FileWatch::start() {
  const int descriptor = ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  const std::uint32_t events = IN_CLOSE_WRITE | IN_MOVED_TO | IN_CREATE | IN_ATTRIB;
  if (descriptor < 0 || ::inotify_add_watch(descriptor, folder_.c_str(), events) < 0) {
    const std::string cause = std::strerror(errno);
    if (descriptor >= 0) ::close(descriptor);
    return "cannot watch " + folder_ + ": " + cause;
  }
  events_.assign(descriptor);
  seen_ = fingerprint();
  tasks_.spawn(run());
  return {};
}

void FileWatch::stop() {
  stopped_ = true;
  boost::system::error_code ignored;
  events_.close(ignored);
  settling_.wake();
}

net::Awaitable<void> FileWatch::run() {
  while (co_await read_events()) {
    co_await settling_.until(wheel_.after(kSettle));
    if (stopped_) co_return;
    std::string now = fingerprint();
    // Gone for a moment, as some editors do it: the event of its return follows.
    if (now.empty() || now == seen_) continue;
    seen_ = std::move(now);
    on_change_();
  }
}

// What happened does not matter, only that something did: false at the end.
net::Awaitable<bool> FileWatch::read_events() {
  const auto [code, bytes] = co_await events_.async_read_some(net::asio::buffer(buffer_), net::use_result);
  co_return !code && !stopped_;
}

// Differs when the file is another one or was written to. Empty without a file.
std::string FileWatch::fingerprint() const {
  struct stat file{};
  if (::stat(path_.c_str(), &file) != 0) return {};
  return std::to_string(file.st_dev) + "/" + std::to_string(file.st_ino) + "/" + std::to_string(file.st_size) + "/" +
         std::to_string(file.st_mtim.tv_sec) + "." + std::to_string(file.st_mtim.tv_nsec);
}

}  // namespace lb::app
