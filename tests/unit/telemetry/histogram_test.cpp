#include "telemetry/histogram.hpp"

#include <cmath>
#include <thread>

#include <gtest/gtest.h>

namespace lb::telemetry {
namespace {

Distribution of(const Histogram& histogram) {
  Distribution distribution;
  histogram.add_to(distribution);
  return distribution;
}

TEST(TelemetryHistogram, counts_each_latency_in_the_first_bucket_that_is_no_smaller) {
  Histogram histogram;
  for (const int micros : {-5, 0, 1, 100, 101, 150, 151, 70'000'000, 70'000'001}) histogram.record(Micros(micros));
  const Distribution distribution = of(histogram);
  EXPECT_EQ(distribution.buckets[0], 4U) << "a clock that went back counts as no time at all";
  EXPECT_EQ(distribution.buckets[1], 2U);
  EXPECT_EQ(distribution.buckets[2], 1U);
  EXPECT_EQ(distribution.buckets[kBuckets - 2], 1U);
  EXPECT_EQ(distribution.buckets[kBuckets - 1], 1U);
  EXPECT_EQ(distribution.count(), 9U);
  EXPECT_EQ(distribution.sum_micros, 1U + 100 + 101 + 150 + 151 + 70'000'000 + 70'000'001);
}

// Goal: a quantile is off by two thirds at most between 100 us and 70 s. Method: latencies all over that range, all in
// one place of their bucket, which is the worst case.
TEST(TelemetryHistogram, quantiles_are_near) {
  for (double exact = 110; exact < 69e6; exact *= 1.07) {
    Histogram histogram;
    for (int i = 0; i < 100; ++i) histogram.record(Micros(static_cast<Micros::rep>(exact)));
    for (const double quantile : {0.01, 0.5, 0.99}) {
      const double found = of(histogram).quantile_micros(quantile);
      EXPECT_LT(std::abs(found - exact) / exact, 0.67) << exact;
    }
    EXPECT_LT(std::abs(of(histogram).quantile_micros(0.5) - exact) / exact, 0.34) << exact;
  }
}

TEST(TelemetryHistogram, quantiles_of_two_groups_and_of_nothing) {
  EXPECT_EQ(Distribution().quantile_micros(0.99), 0);
  Histogram histogram;
  for (int i = 0; i < 98; ++i) histogram.record(Micros(1'400));
  for (int i = 0; i < 2; ++i) histogram.record(Micros(900'000));
  EXPECT_NEAR(of(histogram).quantile_micros(0.5), 1'250, 260);
  EXPECT_GT(of(histogram).quantile_micros(0.99), 700'000);
  EXPECT_LE(of(histogram).quantile_micros(0.99), 1'000'000);
}

TEST(TelemetryHistogram, distributions_add_up_over_workers_and_subtract_to_what_came_since) {
  Histogram one;
  Histogram other;
  one.record(Micros(120));
  other.record(Micros(120));
  other.record(Micros(5'000));
  Distribution sum = of(one);
  sum += of(other);
  EXPECT_EQ(sum.buckets[1], 2U);
  EXPECT_EQ(sum.sum_micros, 5'240U);
  sum -= of(one);
  EXPECT_EQ(sum.count(), 2U);
  EXPECT_EQ(sum.sum_micros, 5'120U);
}

// Goal: a reader never sees torn or lost counts. Method: one writes, another reads meanwhile; under TSan as well.
TEST(TelemetryHistogram, one_writes_while_another_reads) {
  constexpr std::uint64_t kCount = 100'000;
  Histogram histogram;
  std::thread writer([&] {
    for (std::uint64_t i = 0; i < kCount; ++i) histogram.record(Micros(250));
  });
  std::uint64_t before = 0;
  while (before < kCount) {
    const std::uint64_t now = of(histogram).count();
    ASSERT_GE(now, before);
    before = now;
  }
  writer.join();
  EXPECT_EQ(of(histogram).sum_micros, kCount * 250);
}

}  // namespace
}  // namespace lb::telemetry
