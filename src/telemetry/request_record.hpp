// What became of one request: what the access log, the metrics and the explanation of an answer are made from.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <boost/container/static_vector.hpp>

#include "telemetry/histogram.hpp"

namespace lb::telemetry {

// How an attempt at a backend ended.
enum class AttemptResult : std::uint8_t {
  answered,       // its answer went to the client, to the end
  not_connected,  // lookup or connect failed, or nothing of the request could be sent
  stale,          // the reused connection had been closed by the backend; a new one follows and this one does not count
  no_answer,      // closed after the request was written, before any byte of an answer
  bad_answer,     // an answer that is not HTTP
  timed_out,      // no answer within the timeout
  broke_off,      // after part of the answer had gone to the client
  client_left,    // the client closed, or failed to send its request or to take its answer
  abandoned,      // by the balancer: it stops, or is out of descriptors
  over_limits,    // an answer beyond the balancer's own limits, which is no failure of the backend's
  stalled,        // no answer, while others answer; the request went elsewhere, and this does not count
};
inline constexpr std::size_t kAttemptResults = 11;

// Who ended the exchange with the client.
enum class Ending : std::uint8_t {
  complete,  // nobody: the client has its whole answer
  client,    // it left, or failed to send or to take bytes in time
  backend,   // it broke off in the middle of its answer
  balancer,  // it is being stopped
};
inline constexpr std::size_t kEndings = 4;

// Why a request was answered by the balancer itself.
enum class Refusal : std::uint8_t {
  none,               // it was not
  bad_request,        // 400, 405, 501, 505
  header_too_large,   // 414, 431
  body_too_large,     // 413
  client_timeout,     // 408
  connection_limit,   // 503: too many client connections
  backends_busy,      // 503: every backend at its connection limit, or the line of those that wait is full
  no_backend,         // 503: none is left to be tried
  out_of_resources,   // 503: descriptors
  backend_failed,     // 502
  backend_timed_out,  // 504
  last_hop,           // Max-Forwards said so
  internal,           // 500
  answer_too_large,   // 502: its head, or its interim answers, beyond our limits
  request_at_fault,   // 502, 504: it failed in the same way at two backends that serve others well
};
inline constexpr std::size_t kRefusals = 15;

// Why a backend whose turn it was did not get the request.
enum class PassedOver : std::uint8_t {
  down,
  drained,
  disabled,
  busy,     // at its connection limit, or others wait for its places
  tried,    // by this request
  stalled,  // it owes every answer, while others answer
  ejected,  // it has failed, or was slow, far more than the others
  reduced,  // it gets only a part of its share for now
};

// In the words of logs and metrics: "answered", "not_connected", ...
[[nodiscard]] std::string_view to_string(AttemptResult result) noexcept;
[[nodiscard]] std::string_view to_string(Ending ending) noexcept;
[[nodiscard]] std::string_view to_string(Refusal refusal) noexcept;
[[nodiscard]] std::string_view to_string(PassedOver why) noexcept;

// A backend's URL is a view of the endpoint's own, which whoever fills the record keeps alive until it is recorded; see
// RecentRequest for a copy that lives by itself. Other views are of static storage. Times count from the beginning of
// the request.
struct Attempt {
  std::string_view backend;  // its URL
  AttemptResult result = AttemptResult::answered;
  bool reused = false;       // on a pooled connection
  bool last_resort = false;  // the backend was down, as all were
  unsigned status = 0;       // of the answer; 0: there was none
  std::string_view detail;   // why it failed; empty: it did not
  Micros began{};
  Micros connected{};   // began, if reused; 0: never
  Micros first_byte{};  // the head of the answer was read; 0: never
  Micros ended{};
};

struct Passed {
  std::string_view backend;
  PassedOver why = PassedOver::down;
  unsigned before_attempt = 0;  // the attempt that was chosen then, from 0
};

struct RequestRecord {
  // More than these are counted only.
  static constexpr std::size_t kAttemptsMax = 8;
  static constexpr std::size_t kPassedMax = 8;

  std::string id;
  std::string client;  // address
  // Kept only where Recorder::wants_texts(): what the client sent, of visible ASCII and spaces for the request line,
  // any bytes but controls for the others; empty: there was none.
  std::string request_line;
  std::string host;
  std::string referer;
  std::string user_agent;
  std::string traceparent;

  unsigned status = 0;  // that went to the client; 0: none
  Refusal refusal = Refusal::none;
  Ending ending = Ending::complete;
  std::string_view detail;  // why it was refused or ended early; static storage
  std::uint64_t request_body_bytes = 0;
  std::uint64_t response_body_bytes = 0;
  Micros first_byte{};  // of the answer that the client got; 0: none
  Micros total{};

  boost::container::static_vector<Attempt, kAttemptsMax> attempts;
  boost::container::static_vector<Passed, kPassedMax> passed;
  unsigned attempts_made = 0;
  unsigned passed_over = 0;

  // For the next request; strings keep their room.
  void clear() noexcept;
  void pass_over(std::string_view backend, PassedOver why) noexcept;
  // Answered by a backend, or in vain: not at the first attempt, or not as asked.
  [[nodiscard]] bool is_notable() const noexcept {
    return attempts_made > 1 || refusal != Refusal::none || ending != Ending::complete;
  }
};

}  // namespace lb::telemetry
