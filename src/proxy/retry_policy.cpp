#include "proxy/retry_policy.hpp"

namespace lb::proxy {

Verdict decide(const FailedAttempt& attempt) noexcept {
  if (!attempt.body_replayable) return Verdict::give_up;
  switch (attempt.at) {
    case FailedAt::nothing_sent:
    case FailedAt::not_processed:
      return Verdict::again;
    case FailedAt::stale:
      // RFC 9112 section 9.3.1: a request that may have been seen is repeated only if that does no harm.
      return attempt.idempotent || !attempt.request_written ? Verdict::again_uncounted : Verdict::give_up;
    case FailedAt::no_answer:
    case FailedAt::bad_answer:
    case FailedAt::answer_timeout:
    case FailedAt::stalled:
      return attempt.idempotent ? Verdict::again : Verdict::give_up;
    case FailedAt::over_limits:
    case FailedAt::answer_started:
      return Verdict::give_up;
  }
  return Verdict::give_up;
}

}  // namespace lb::proxy
