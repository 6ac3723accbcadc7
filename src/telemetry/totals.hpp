// Counters of several workers, added up at one moment. Two moments subtract to what happened between them.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "telemetry/counters.hpp"

namespace lb::telemetry {

struct BackendTotals {
  std::uint64_t in_flight = 0;
  std::uint64_t attempts = 0;  // begun
  std::array<std::uint64_t, kAttemptResults> results{};
  std::array<std::uint64_t, kStatusClasses> answers{};
  std::uint64_t connections_reused = 0;
  std::uint64_t connections_opened = 0;
  std::uint64_t request_body_bytes = 0;
  std::uint64_t response_body_bytes = 0;
  Distribution connect;
  Distribution first_byte;
  Distribution total;

  // Any thread; a request that ends meanwhile may be in it or not.
  void add(const BackendCounters& counters) noexcept;
  // Attempts that ended otherwise than with an answer to the client, through the backend's fault.
  [[nodiscard]] std::uint64_t failures() const noexcept;
};

struct ClientTotals {
  std::uint64_t connections = 0;
  std::uint64_t connections_turned_away = 0;
  std::uint64_t tls_handshakes = 0;
  std::uint64_t tls_resumptions = 0;
  std::uint64_t tls_handshakes_failed = 0;
  std::uint64_t proxy_headers_refused = 0;
  std::uint64_t requests = 0;
  std::array<std::uint64_t, kStatusClasses> answers{};
  std::array<std::uint64_t, kRefusals> refused{};
  std::array<std::uint64_t, kEndings> endings{};
  std::array<std::uint64_t, kAttemptResults> retries{};
  std::uint64_t retries_denied = 0;
  Distribution total;

  // Any thread.
  void add(const WorkerCounters& counters) noexcept;
};

}  // namespace lb::telemetry
