// Endpoint-Load-Metrics, which a backend says: any bytes give a report within its bounds, or none.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "http/load_report.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto report = lb::http::parse_load_report({reinterpret_cast<const char*>(data), size});
  constexpr double kMost = 1e9;
  const auto is_sound = [](double value) { return value >= 0 && value <= kMost; };
  if (report && !(is_sound(report->requests_in_flight) && is_sound(report->latency_ms))) std::abort();
  return 0;
}
