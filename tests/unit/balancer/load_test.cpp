// What is known of an endpoint's load: how it rises, fades, and is asked for.
#include "balancer/load.hpp"

#include <chrono>

#include <gtest/gtest.h>

namespace lb::balancer {
namespace {

using namespace std::chrono_literals;

TEST(BalancerLoad, a_peak_counts_at_once_and_fades) {
  Load load;
  base::TimePoint now(1h);
  EXPECT_EQ(load.note_answer(10ms, now), 0ms) << "nothing confirms it";
  EXPECT_EQ(load.peak(now), 0);
  now += 100ms;
  EXPECT_EQ(load.note_answer(200ms, now), 10ms) << "it may be a hiccup";
  EXPECT_NEAR(load.peak(now), 10'000, 1);
  now += 1ms;
  load.note_answer(210ms, now);
  EXPECT_GT(load.peak(now), 60'000) << "it was none";
  for (int i = 0; i < 5; ++i) load.note_answer(210ms, now += 1ms);
  EXPECT_GT(load.peak(now), 170'000);
  now += 20ms;
  load.note_answer(10ms, now);
  EXPECT_GT(load.peak(now), 150'000) << "one quick answer does not make up for it";
  now += 30s;
  load.note_answer(10ms, now);
  EXPECT_LT(load.peak(now), 12'000);
  load.note_late_answer(now);
  EXPECT_EQ(load.peak(now), 0) << "nothing is known";
}

TEST(BalancerLoad, latency_at_a_load_is_that_of_the_nearest_load) {
  Load load;
  const base::TimePoint now(1h);
  EXPECT_EQ(load.latency_at(1, now), 0);
  load.record(Sample{10ms, 1}, now);
  load.record(Sample{80ms, 16}, now);
  EXPECT_NEAR(load.latency_at(1, now), 10'000, 1);
  EXPECT_NEAR(load.latency_at(20, now), 80'000, 1);
  EXPECT_GT(load.latency_at(100, now), 200'000) << "more than was seen takes longer in proportion";
  EXPECT_EQ(load.latency_at(1, now + 1min), 0) << "it is of long ago";
}

TEST(BalancerLoad, limits) {
  Load load;
  EXPECT_EQ(load.acquire(2), 1U);
  EXPECT_EQ(load.acquire(2), 2U);
  EXPECT_EQ(load.acquire(2), 0U);
  EXPECT_EQ(load.acquire(0), 3U);
  load.release();
  EXPECT_EQ(load.in_flight(), 2U);
}

}  // namespace
}  // namespace lb::balancer
