// A clock that stands still until a test turns it.
#pragma once

#include "base/clock.hpp"

namespace lb::test {

class ManualClock final : public base::Clock {
 public:
  [[nodiscard]] base::TimePoint now() const noexcept override { return now_; }
  [[nodiscard]] std::time_t wall_seconds() const noexcept override { return wall_; }
  [[nodiscard]] base::WallTime wall_now() const noexcept override {
    return std::chrono::system_clock::from_time_t(wall_);
  }

  void turn(base::Duration by) noexcept { now_ += by; }
  void set_wall(std::time_t seconds) noexcept { wall_ = seconds; }

 private:
  base::TimePoint now_ = base::TimePoint(std::chrono::hours(1));
  std::time_t wall_ = 784'111'777;  // Sun, 06 Nov 1994 08:49:37 GMT
};

}  // namespace lb::test
