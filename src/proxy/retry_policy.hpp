// Whether a failed attempt may be repeated: the table of docs/retries.md as one pure function.
#pragma once

#include <cstdint>

namespace lb::proxy {

// How far an attempt came before it failed.
enum class FailedAt : std::uint8_t {
  nothing_sent,    // name lookup, connect, or not one byte of the request written on a new connection
  not_processed,   // the backend says that it has not looked at the request (RFC 9113 section 8.7)
  stale,           // on a reused idle connection, closed before any byte of an answer
  no_answer,       // after the request was written, before the first byte of the answer
  bad_answer,      // an answer that is not HTTP, or a head that broke off
  answer_timeout,  // no first byte of the answer, or no whole head, within the timeout
  stalled,         // no first byte of the answer, while others answer: no fault of this one request's
  over_limits,     // an answer whose head is beyond our own limits: it will be no smaller elsewhere
  answer_started,  // bytes of the answer went to the client
};

struct FailedAttempt {
  FailedAt at = FailedAt::nothing_sent;
  bool idempotent = false;       // the method: RFC 9110 section 9.2.2
  bool request_written = false;  // at least one byte of it, on this attempt
  bool body_replayable = false;  // every byte that was taken from the client is still here
};

// Whether no backend has had any work with the attempt.
[[nodiscard]] constexpr bool took_no_work(FailedAt at) noexcept {
  return at == FailedAt::nothing_sent || at == FailedAt::not_processed;
}

enum class Verdict : std::uint8_t {
  give_up,
  again,            // counts as an attempt and against the backend
  again_uncounted,  // neither: the connection was stale, the backend is not to blame
};

[[nodiscard]] Verdict decide(const FailedAttempt& attempt) noexcept;

}  // namespace lb::proxy
