// Notices that a file has changed, for -watch.
#pragma once

#include <array>
#include <functional>
#include <string>

#include <boost/asio/posix/basic_stream_descriptor.hpp>

#include "net/pause.hpp"
#include "net/task_group.hpp"

namespace lb::app {

// Watches the folder that the file is in: editors replace files rather than write to them, and orchestrators exchange a
// symbolic link beside it. One thread.
class FileWatch {
 public:
  // `on_change` is called when the file is another one than before, once it has been left alone for a moment.
  FileWatch(net::Executor executor, net::DeadlineWheel& wheel, net::TaskGroup& tasks, std::string path,
            std::function<void()> on_change);

  // Begins. A sentence for the user if the system refuses, else nothing.
  [[nodiscard]] std::string start();
  // Ends the task.
  void stop();

 private:
  net::Awaitable<void> run();
  net::Awaitable<bool> read_events();
  [[nodiscard]] std::string fingerprint() const;

  net::asio::posix::basic_stream_descriptor<net::Executor> events_;
  net::TaskGroup& tasks_;
  std::string path_;
  std::string folder_;
  std::function<void()> on_change_;
  std::string seen_;  // fingerprint of the file that was read last
  net::DeadlineWheel& wheel_;
  net::Pause settling_;
  std::array<char, 4096> buffer_{};
  bool stopped_ = false;
};

}  // namespace lb::app
