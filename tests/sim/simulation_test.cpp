// The promises of the proxy, in runs that follow from a seed; docs/simulation.md says which and how.
#include "sim/simulation.hpp"

#include <gtest/gtest.h>

namespace lb::sim {
namespace {

constexpr std::uint64_t kSeedsInPart = 250;

class Simulated : public testing::TestWithParam<std::uint64_t> {};

// Goal: whatever happens, the promises hold. Method: many short runs with many faults; a part of the seeds in each
// test, so that they run beside each other.
TEST_P(Simulated, promises_hold_for_250_seeds) {
  Figures figures;
  for (std::uint64_t seed = GetParam(); seed < GetParam() + kSeedsInPart; ++seed) {
    const Report report = simulate(seed);
    ASSERT_EQ(report.violation, "") << to_text(report);
    figures.add(report.figures);
  }
  // That everything keeps happening: a simulation that lost its faults would keep every promise.
  EXPECT_GT(figures.answered, 4 * figures.runs);
  EXPECT_GT(figures.judged_failures, 0U);
  EXPECT_GT(figures.own_answers, figures.runs / 4);
  EXPECT_GT(figures.cuts, figures.runs / 20);
  EXPECT_GT(figures.attempts, figures.answered);
  EXPECT_GT(figures.reloads, figures.runs / 10);
  EXPECT_GT(figures.drains, 0U);
}

INSTANTIATE_TEST_SUITE_P(From, Simulated, testing::Range<std::uint64_t>(1, 1 + 8 * kSeedsInPart, kSeedsInPart));

// Goal: a seed can be repeated. Method: the same run twice, event by event.
TEST(SimulationItself, the_same_seed_is_the_same_run) {
  for (const std::uint64_t seed : {1U, 2U, 3U, 4U, 5U}) {
    const Report first = simulate(seed, Tracing::last_events);
    const Report second = simulate(seed, Tracing::last_events);
    EXPECT_FALSE(first.events.empty());
    EXPECT_EQ(first.events, second.events);
    EXPECT_EQ(first.figures.handlers, second.figures.handlers);
  }
}

}  // namespace
}  // namespace lb::sim
