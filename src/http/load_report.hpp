// What a backend says of its own load in an answer: the field Endpoint-Load-Metrics of ORCA (Open Request Cost
// Aggregation, as Envoy and gRPC read it), in its text format:
//
//   Endpoint-Load-Metrics: TEXT named_metrics.rif=12, named_metrics.latency_ms=34.5
#pragma once

#include <optional>
#include <string_view>

namespace lb::http {

struct LoadReport {
  double requests_in_flight = 0;  // named_metrics.rif, at the backend
  double latency_ms = 0;          // named_metrics.latency_ms, of late; 0: not said
};

// None: it is of another format, is malformed, or does not say how many requests are in flight.
[[nodiscard]] std::optional<LoadReport> parse_load_report(std::string_view value) noexcept;

}  // namespace lb::http
