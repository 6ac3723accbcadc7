#include "telemetry/access_log.hpp"

#include <utility>

#include "base/limits.hpp"
#include "base/log_file.hpp"
#include "telemetry/access_log_line.hpp"

namespace lb::telemetry {

AccessLog::FilePtr AccessLog::change(AccessLogFormat format, FilePtr file) {
  flush();
  format_ = format;
  // With room for the line that makes a block more than full, so that it never grows.
  if (file && waiting_.capacity() == 0) waiting_.reserve(2 * base::kAccessLogBlockBytes);
  return std::exchange(file_, std::move(file));
}

void AccessLog::add(const RequestRecord& record, base::WallTime now) {
  if (format_ == AccessLogFormat::text) {
    append_combined(record, time_.common(now), waiting_);
  } else {
    append_json(record, time_.utc(now), waiting_);
  }
  ++lines_;
  if (waiting_.size() >= base::kAccessLogBlockBytes) {
    hand_over();
  } else if (!std::exchange(announced_, true) && on_waiting_) {
    on_waiting_();
  }
}

void AccessLog::flush() {
  announced_ = false;
  if (lines_ > 0) hand_over();
}

void AccessLog::hand_over() {
  file_->write(waiting_, std::exchange(lines_, 0));
  waiting_.clear();
}

}  // namespace lb::telemetry
