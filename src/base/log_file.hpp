// A file, or standard output, that a thread of its own writes to: whoever has something for it never waits for a disk
// or a pipe. What comes faster than it can be written is dropped, the oldest first, and counted. Beside base/log.cpp
// this is spdlog's other door: the queue and the thread are its.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/clock.hpp"

namespace spdlog {
class logger;
namespace details {
class thread_pool;
}
}  // namespace spdlog

namespace lb::base {

// Blocks of whole lines go in; the file's name appears in what the log says about it.
class LogFile {
 public:
  // Opens the file to append to it, and makes it if there is none; an empty path is standard output. Null, with a
  // sentence for the user in `problem`, if the machine refuses. `clock` outlives it. At most `blocks_max` wait.
  [[nodiscard]] static std::unique_ptr<LogFile> open(std::string path, const Clock& clock, std::size_t blocks_max,
                                                     std::string& problem);
  // As finish().
  ~LogFile();
  LogFile(const LogFile&) = delete;
  LogFile& operator=(const LogFile&) = delete;

  // Queues a block. Any thread; takes memory for it, and the lock of the queue for as long as a pointer takes to move.
  void write(std::string_view block);

  // Goes on in a new file of that name, after somebody has renamed the old one; standard output stays as it is. Returns
  // a sentence for the user if that cannot be opened: the old one stays then. One thread at a time.
  [[nodiscard]] std::string reopen();

  // Writes what is queued, and ends; nothing is written afterwards. Waits for a pipe that nobody reads for
  // kLogFileEndTime at most. One thread at a time.
  void finish() noexcept;

  // Blocks that were not written: the queue was full, or writing failed. Any thread.
  [[nodiscard]] std::uint64_t dropped() const;

 private:
  class Sink;

  LogFile(std::string path, int descriptor, const Clock& clock, std::size_t blocks_max);
  void warn_of(std::uint64_t overrun);

  const std::string path_;
  const Clock& clock_;
  std::shared_ptr<Sink> sink_;
  std::shared_ptr<spdlog::details::thread_pool> thread_;       // the queue's; none after finish()
  const std::weak_ptr<spdlog::details::thread_pool> writing_;  // for those that write while another thread ends it
  std::shared_ptr<spdlog::logger> logger_;
  std::atomic<std::uint64_t> overrun_at_end_{0};
  std::atomic<std::uint64_t> warned_of_{0};
  std::atomic<TimePoint> quiet_until_{TimePoint::min()};  // no warning before
};

}  // namespace lb::base
