// Notices that a file has changed, for -watch.
#pragma once

#include <array>
#include <functional>
#include <string>
#include <vector>

#include <boost/asio/posix/basic_stream_descriptor.hpp>

#include "net/pause.hpp"
#include "net/task_group.hpp"

namespace lb::app {

// Watches the folder that the file is in, and that of the file which a symbolic link means: editors replace files
// rather than write to them, and orchestrators exchange a link beside it. One thread.
class FileWatch {
 public:
  // Differs when the file is another one or was written to. Empty without a file.
  [[nodiscard]] static std::string fingerprint(const std::string& path);

  // `on_change` is called when the file is another one than before, once it has been left alone for a moment.
  FileWatch(net::Executor executor, net::DeadlineWheel& wheel, net::TaskGroup& tasks, std::string path,
            std::function<void()> on_change);

  // Begins. `seen`: the file's fingerprint before it was read; if it has changed since, on_change is called soon. A
  // sentence for the user if the system refuses, else nothing.
  [[nodiscard]] std::string start(std::string seen);
  // Files that matter as much from now on: what the watched one names.
  void watch_also(std::vector<std::string> others);
  // Ends the task.
  void stop();
  // Whether there is a file to watch.
  [[nodiscard]] bool has_file() const noexcept { return !path_.empty(); }

 private:
  net::Awaitable<void> run();
  net::Awaitable<bool> read_events();
  [[nodiscard]] std::string fingerprint_of_all() const;
  [[nodiscard]] std::string fingerprint_of_others() const;
  net::Awaitable<std::string> settled_fingerprint();
  void say_whether_gone(bool gone);
  net::Awaitable<void> watch_again();
  [[nodiscard]] bool watch_folders();

  net::asio::posix::basic_stream_descriptor<net::Executor> events_;
  net::TaskGroup& tasks_;
  std::string path_;
  std::string folder_;
  std::function<void()> on_change_;
  std::vector<std::string> others_;
  std::string seen_;  // fingerprint of what was read last
  net::DeadlineWheel& wheel_;
  net::Pause settling_;
  std::array<char, 4096> buffer_{};
  bool gone_ = false;  // the file, and that was said
  bool stopped_ = false;
};

}  // namespace lb::app
