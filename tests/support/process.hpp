// The real binary as a child process, with everything it prints.
#pragma once

#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <thread>
#include <vector>

#include "support/wire.hpp"

namespace lb::support {

// Sanitizers are told to use this exit status, which is nobody else's.
inline constexpr int kSanitizerStatus = 99;

// The balancer that was built beside the tests, or $LB_TEST_BINARY.
[[nodiscard]] std::string binary_path();

class Process {
 public:
  // Starts the balancer with these arguments: the one that was built beside the tests, or $LB_TEST_BINARY. It dies with
  // the test. Its standard output is captured, unless `out` is given to be it.
  explicit Process(const std::vector<std::string>& arguments, int out = -1);
  // Ends the process if it still runs, and fails the test if it does not end, or ended by a sanitizer's report or a
  // signal.
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  void signal(int number) const;
  // The exit status; 128 plus the number of the signal that killed it; nothing when it still runs at the deadline.
  [[nodiscard]] std::optional<int> wait_exit(Deadline deadline = within());

  [[nodiscard]] std::string out() const;
  [[nodiscard]] std::string err() const;
  // Waits until `text` was logged, at or behind the position `from` of standard error; its line, without its end.
  // Nothing: not in time.
  [[nodiscard]] std::optional<std::string> wait_for_log(std::string_view text, std::size_t from = 0,
                                                        Deadline deadline = within()) const;
  // The same for standard output.
  [[nodiscard]] std::optional<std::string> wait_for_out(std::string_view text, Deadline deadline = within()) const;
  [[nodiscard]] pid_t pid() const noexcept { return pid_; }

 private:
  void capture();
  [[nodiscard]] static std::optional<std::string> find_line(const std::string& printed, std::string_view text,
                                                            std::size_t from);
  [[nodiscard]] std::optional<std::string> wait_for_line(const std::string& printed, std::string_view text,
                                                         std::size_t from, Deadline deadline) const;

  pid_t pid_ = -1;
  std::optional<int> status_;
  Descriptor out_pipe_;
  Descriptor err_pipe_;
  mutable std::mutex mutex_;
  mutable std::condition_variable printed_;
  std::string out_;
  std::string err_;
  bool captured_ = false;  // both pipes are at their end
  std::thread reader_;
};

struct Finished {
  int status = -1;
  std::string out;
  std::string err;
};

// Runs the binary to its end.
[[nodiscard]] Finished run_binary(const std::vector<std::string>& arguments);

// A directory that goes away with everything in it.
class TemporaryDirectory {
 public:
  TemporaryDirectory();
  ~TemporaryDirectory();
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  // Writes a file and returns its path.
  [[nodiscard]] std::string write(const std::string& name, std::string_view text) const;

 private:
  std::string path_;
};

}  // namespace lb::support
