// One worker's part of the access log: a line for each request that has ended.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/callback.hpp"
#include "base/clock.hpp"
#include "telemetry/line_time.hpp"
#include "telemetry/request_record.hpp"

namespace lb::base {
class LogFile;
}

namespace lb::telemetry {

enum class AccessLogFormat : std::uint8_t { text, json };  // access_log_line.hpp says more

// Lines are gathered, and handed to the file's thread a block at a time. One thread.
class AccessLog {
 public:
  using FilePtr = std::shared_ptr<base::LogFile>;

  // `call` is called when lines begin to wait: somebody has to call flush() base::kAccessLogDelay later. Without it,
  // blocks go only when they are full.
  void on_waiting(base::Callback<void()> call) noexcept { on_waiting_ = call; }

  // Lines go to another file, or to none, from now on; what waits goes to the file before, which is returned: whoever
  // lets go of a file last waits until it is written.
  FilePtr change(AccessLogFormat format, FilePtr file);

  [[nodiscard]] bool is_on() const noexcept { return file_ != nullptr; }

  // A request ended at `now`. Precondition: is_on().
  void add(const RequestRecord& record, base::WallTime now);
  // Hands over what waits.
  void flush();

 private:
  void hand_over();

  AccessLogFormat format_ = AccessLogFormat::text;
  FilePtr file_;
  LineTime time_;
  std::string waiting_;
  std::size_t lines_ = 0;  // of it
  bool announced_ = false;
  base::Callback<void()> on_waiting_;
};

}  // namespace lb::telemetry
