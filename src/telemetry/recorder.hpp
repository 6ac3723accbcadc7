// Where a worker's requests are told of when they have ended.
#pragma once

#include "base/clock.hpp"
#include "telemetry/access_log.hpp"
#include "telemetry/counters.hpp"
#include "telemetry/recent_requests.hpp"
#include "telemetry/request_record.hpp"

namespace lb::telemetry {

struct RecorderSettings {
  bool keep_recent = false;  // for RecentRequests: somebody may ask
};

// One worker's; its thread, but for counters().
class Recorder {
 public:
  // `worker`: its number, from 0.
  Recorder(std::size_t worker, const base::Clock& clock);

  void configure(const RecorderSettings& settings) { settings_ = settings; }

  [[nodiscard]] std::size_t worker() const noexcept { return worker_; }
  // Any thread may read.
  [[nodiscard]] WorkerCounters& counters() noexcept { return counters_; }
  [[nodiscard]] const WorkerCounters& counters() const noexcept { return counters_; }
  [[nodiscard]] const RecentRequests& recent() const noexcept { return recent_; }

  [[nodiscard]] AccessLog& access_log() noexcept { return access_log_; }

  // Whether anybody reads more of a record than its numbers.
  [[nodiscard]] bool wants_texts() const noexcept { return settings_.keep_recent || access_log_.is_on(); }

  // A request has ended.
  void record(const RequestRecord& record);

 private:
  std::size_t worker_;
  const base::Clock& clock_;
  RecorderSettings settings_;
  WorkerCounters counters_;
  RecentRequests recent_;
  AccessLog access_log_;
};

}  // namespace lb::telemetry
