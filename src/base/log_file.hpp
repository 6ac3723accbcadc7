// A file, or standard output, that a thread of its own writes to: whoever has something for it never waits for a disk
// or a pipe. What comes faster than it can be written is dropped, the oldest first, and counted. Beside base/log.cpp
// this is spdlog's other door: the queue and the thread are its.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

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
  // Lines that were not written, since the queue was full or writing failed; files that follow each other share it.
  using LostLines = std::shared_ptr<std::atomic<std::uint64_t>>;

  struct Settings {
    std::string path;            // empty: standard output
    std::size_t blocks_max = 0;  // that wait to be written
    LostLines lost;
  };

  // Opens the file to append to it, and makes it if there is none. Null, with a sentence for the user in `problem`, if
  // the machine refuses. `clock` outlives the process's last write.
  [[nodiscard]] static std::unique_ptr<LogFile> open(Settings settings, const Clock& clock, std::string& problem);
  // As finish().
  ~LogFile();
  LogFile(const LogFile&) = delete;
  LogFile& operator=(const LogFile&) = delete;

  // Queues a copy of the block, which has so many lines. Any thread; others that write meanwhile wait for the
  // microseconds that takes.
  void write(std::string_view block, std::size_t lines);

  // Goes on in a new file of that name, after somebody has renamed the old one; standard output stays as it is. Returns
  // a sentence for the user if that cannot be opened: the old one stays then. One thread at a time.
  [[nodiscard]] std::string reopen();

  // Writes what is queued, and ends; nothing is written afterwards. Waits for a pipe that nobody reads for
  // kLogFileEndTime at most, and for a write that never returns for kLogEndTime. One thread at a time.
  void finish() noexcept;

 private:
  class Sink;

  LogFile(Settings settings, int descriptor, const Clock& clock);
  void queue(spdlog::details::thread_pool& thread, std::string_view block, std::size_t lines);
  void warn_of_lost();

  const Settings settings_;
  const Clock& clock_;
  std::shared_ptr<Sink> sink_;
  std::shared_ptr<spdlog::details::thread_pool> thread_;       // the queue's; none after finish()
  const std::weak_ptr<spdlog::details::thread_pool> writing_;  // for those that write while another thread ends it
  std::shared_ptr<spdlog::logger> logger_;

  std::mutex mutex_;                          // what follows is known of the queue, and changes with it
  std::vector<std::size_t> lines_of_;         // of the blocks_max blocks that came last, round and round
  std::uint64_t queued_ = 0;                  // blocks, since the beginning
  std::uint64_t overrun_ = 0;                 // of them, dropped by the queue
  std::uint64_t warned_of_ = 0;               // of those
  TimePoint quiet_until_ = TimePoint::min();  // no warning before
};

}  // namespace lb::base
