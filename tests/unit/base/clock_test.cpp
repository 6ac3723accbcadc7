#include "base/clock.hpp"

#include <chrono>

#include <gtest/gtest.h>

namespace lb::base {
namespace {

TEST(BaseClock, monotonic_time_never_goes_back) {
  const TimePoint first = system_clock().now();
  for (int i = 0; i < 1000; ++i) EXPECT_GE(system_clock().now(), first);
}

TEST(BaseClock, wall_time_counts_seconds_since_1970) {
  constexpr std::time_t k2024 = 1'704'067'200;
  EXPECT_GT(system_clock().wall_seconds(), k2024);
}

TEST(BaseClock, never_is_later_than_any_deadline_in_use) {
  EXPECT_GT(kNever, system_clock().now() + std::chrono::hours(24 * 365 * 100));
}

TEST(BaseClock, there_is_one_system_clock) {
  EXPECT_EQ(&system_clock(), &system_clock());
}

}  // namespace
}  // namespace lb::base
