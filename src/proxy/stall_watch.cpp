#include "proxy/stall_watch.hpp"

#include <algorithm>

#include "base/limits.hpp"

namespace lb::proxy {

bool StallWatch::look(base::TimePoint since) {
  using Wait = upstream::Members::Wait;
  const base::TimePoint now = context_.wheel.now();
  const base::Duration stall = request_.service->settings.stall;
  if (stall.count() == 0) {  // it was turned off meanwhile
    next_look_ = base::kNever;
    return false;
  }
  const auto waited = std::chrono::duration_cast<base::Duration>(now - since);
  const Wait wait = request_.service->members->judge_wait(
      *endpoint_, {.since = since, .stall = stall, .owed = owed_, .trial = trial_}, now);
  if (wait != Wait::usual && !owed_) {
    endpoint_->note_owed();
    owed_ = true;
  }
  // Often while it matters, and seldom for one that waits for long.
  const base::Duration pause =
      waited < stall ? request_.first_look : std::min(waited, std::max(stall, base::kStallLookMax));
  next_look_ = now + pause;
  if (wait != Wait::stalled) return false;
  context_.health.record_stall(*endpoint_, waited);
  if (!may_leave()) return false;
  ++left_;
  return true;
}

bool StallWatch::may_leave() const noexcept {
  const FailedAttempt now{.at = FailedAt::stalled,
                          .idempotent = request_.is_idempotent(),
                          .request_written = true,
                          .body_replayable = request_.replay.complete()};
  return left_ < base::kKnocksMax && !request_.binds_connection && decide(now) == Verdict::again &&
         request_.service->members->has_others(*endpoint_, request_.tried);
}

}  // namespace lb::proxy
