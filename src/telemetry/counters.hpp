// What is counted, where it costs least: each worker has counters of its own, and whoever wants to know adds them up.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "telemetry/histogram.hpp"
#include "telemetry/request_record.hpp"

namespace lb::telemetry {

// Status classes: index 1 is 1xx, ... 5 is 5xx; 0 is any other.
inline constexpr std::size_t kStatusClasses = 6;
[[nodiscard]] constexpr std::size_t status_class(unsigned status) noexcept {
  return status < 600 ? status / 100 : 0;
}

// One worker's dealings with one backend. Written by that worker alone, read by any thread.
struct alignas(64) BackendCounters {
  Counter attempts_begun;                                 // in flight: these less those that have ended
  std::array<Counter, kAttemptResults> attempts_ended{};  // by AttemptResult
  std::array<Counter, kStatusClasses> answers{};          // whose head went to the client, by class
  Counter connections_reused;                             // of attempts: from the pool
  Counter connections_opened;                             // of attempts: that had to be made, and were
  Counter request_body_bytes;
  Counter response_body_bytes;
  Histogram connect;     // of new connections, name lookup excluded
  Histogram first_byte;  // from the beginning of the attempt to the head of its answer
  Histogram total;       // from the beginning of the attempt to the last byte of its answer

  [[nodiscard]] std::uint64_t ended() const noexcept {
    std::uint64_t sum = 0;
    for (const Counter& counter : attempts_ended) sum += counter.value();
    return sum;
  }
};

// One worker's dealings with its clients. Written by that worker alone, read by any thread.
struct alignas(64) WorkerCounters {
  Counter connections;              // accepted to be served
  Counter connections_turned_away;  // over the limit: answered with 503
  Counter tls_handshakes;           // of clients, that came to their end
  Counter tls_resumptions;          // of those: an earlier session went on
  Counter tls_handshakes_failed;
  Counter proxy_headers_refused;                   // missing, malformed, or of a peer that is not trusted
  Counter requests;                                // that got an answer or lost their client
  std::array<Counter, kStatusClasses> answers{};   // to clients, the balancer's own included
  std::array<Counter, kRefusals> refused{};        // the balancer's own answers, by Refusal
  std::array<Counter, kEndings> endings{};         // by Ending
  std::array<Counter, kAttemptResults> retries{};  // attempts after one that ended so
  Counter retries_denied;                          // the retry budget was spent
  Histogram total;                                 // from the request's head to the end of its answer
};

}  // namespace lb::telemetry
