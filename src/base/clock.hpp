// Time as values. Only this file and clock.cpp read the system's clocks; everything else is handed a Clock, so that
// tests and simulations decide what time it is.
#pragma once

#include <chrono>
#include <ctime>

namespace lb::base {

using Duration = std::chrono::milliseconds;
using TimePoint = std::chrono::steady_clock::time_point;
using WallTime = std::chrono::system_clock::time_point;

// A point in time by which something must have happened. kNever stands for a wait that something else bounds.
using Deadline = TimePoint;
inline constexpr Deadline kNever = TimePoint::max();

class Clock {
 public:
  Clock() = default;
  Clock(const Clock&) = delete;
  Clock& operator=(const Clock&) = delete;
  virtual ~Clock() = default;

  // Monotonic. May be called from any thread.
  [[nodiscard]] virtual TimePoint now() const noexcept = 0;
  // Seconds since 1970, for the Date field (RFC 9110 section 6.6.1). May be called from any thread.
  [[nodiscard]] virtual std::time_t wall_seconds() const noexcept = 0;
  // The same, finer and dearer: for logs. May be called from any thread.
  [[nodiscard]] virtual WallTime wall_now() const noexcept = 0;
};

// The machine's clocks. Lives as long as the process.
[[nodiscard]] const Clock& system_clock() noexcept;

}  // namespace lb::base
