// What became of one request, for programs: an item of GET /events and the body of GET /why/ID.
#pragma once

#include <cstddef>

#include <boost/json/object.hpp>

#include "telemetry/recent_requests.hpp"

namespace lb::admin {

// Microseconds as milliseconds with three decimals: exactly what was measured.
[[nodiscard]] constexpr double to_ms(telemetry::Micros time) noexcept {
  return static_cast<double>(time.count()) / 1000;
}

[[nodiscard]] inline base::WallTime began_at(const telemetry::RecentRequest& request) noexcept {
  return request.ended() - request.record().total;
}

// `worker`: who answered it, from 0. What there was not (a status, a backend's answer, a reason) is absent rather than
// null. `at` is when the request began; the times of an attempt count from its own beginning, but for `began_ms`, which
// counts from the request's.
[[nodiscard]] boost::json::object request_json(const telemetry::RecentRequest& request, std::size_t worker);

}  // namespace lb::admin
