#include "proxy/stall_watch.hpp"

#include <algorithm>

#include "base/limits.hpp"

namespace lb::proxy {

void StallWatch::begin(const upstream::Pick& pick) noexcept {
  end();
  endpoint_ = pick.endpoint;
  trial_ = pick.trial;
  pause_ = {};
}

void StallWatch::end() noexcept {
  if (endpoint_ != nullptr && owed_) endpoint_->forget_owed();
  owed_ = false;
  endpoint_ = nullptr;
}

base::Deadline StallWatch::next_look(base::TimePoint since) const noexcept {
  const base::Duration first = request_.first_look();
  if (endpoint_ == nullptr || first.count() == 0) return base::kNever;
  return pause_.count() == 0 ? since + first : looked_at_ + pause_;
}

bool StallWatch::look(base::TimePoint since) {
  using Wait = upstream::Members::Wait;
  const base::TimePoint now = context_.wheel.now();
  const base::Duration stall = request_.service->settings.stall;
  const auto waited = std::chrono::duration_cast<base::Duration>(now - since);
  const Wait wait = request_.service->members->judge_wait(
      *endpoint_, {.since = since, .stall = stall, .owed = owed_, .trial = trial_}, now);
  if (wait != Wait::usual && !owed_) {
    endpoint_->note_owed();
    owed_ = true;
  }
  // Often while it matters, and seldom for one that waits for long.
  pause_ = waited < stall ? request_.first_look() : std::min(waited, std::max(stall, base::kStallLookMax));
  looked_at_ = now;
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
