#include "telemetry/recorder.hpp"

#include "base/limits.hpp"

namespace lb::telemetry {

Recorder::Recorder(std::size_t worker, const base::Clock& clock)
    : worker_(worker), clock_(clock), recent_(base::kRecentRequestsMax, base::kRecentNotableMax) {}

void Recorder::record(const RequestRecord& record) {
  counters_.requests.add();
  if (record.status != 0) counters_.answers[status_class(record.status)].add();
  if (record.refusal != Refusal::none) counters_.refused[static_cast<std::size_t>(record.refusal)].add();
  counters_.endings[static_cast<std::size_t>(record.ending)].add();
  counters_.total.record(record.total);
  if (!wants_texts()) return;
  const base::WallTime now = clock_.wall_now();
  if (settings_.keep_recent) recent_.add(record, now);
  if (access_log_.is_on()) access_log_.add(record, now);
}

}  // namespace lb::telemetry
