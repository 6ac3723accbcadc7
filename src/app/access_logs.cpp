#include "app/access_logs.hpp"

#include <utility>

#include "base/clock.hpp"
#include "base/limits.hpp"
#include "base/log.hpp"

namespace lb::app {

std::string AccessLogs::configure(const config::Config& config) {
  const bool on = config.access_log != "off";
  const bool same_file = file_ && config.access_log_file == path_;
  if (config.access_log == format_ && (!on || same_file)) return {};
  std::shared_ptr<base::LogFile> file;
  if (on && same_file) {
    file = file_;  // two that write to one pipe would tear each other's lines
  } else if (on) {
    std::string problem;
    file = base::LogFile::open({.path = config.access_log_file, .blocks_max = base::kAccessLogBlocksMax, .lost = lost_},
                               base::system_clock(), problem);
    if (!file) return "log.access_file: " + problem;
  }
  format_ = config.access_log;
  path_ = config.access_log_file;
  file_ = file;
  const auto format = format_ == "json" ? telemetry::AccessLogFormat::json : telemetry::AccessLogFormat::text;
  workers_.post_each([&control = control_, format, file](WorkerUnit& unit) {
    auto before = unit.recorder().access_log().change(format, file);
    // To let go of the last reference to a file waits until it is written: that is not for a worker.
    control.post([before = std::move(before)] {});
  });
  return {};
}

void AccessLogs::reopen() {
  const std::string problem = file_ ? file_->reopen() : std::string();
  if (!problem.empty()) {
    base::log(base::LogLevel::error, "log.access_file: " + problem + "; the access log goes on in the old file");
  }
}

void AccessLogs::finish() {
  if (file_) file_->finish();
}

}  // namespace lb::app
