#include "balancer/round_robin.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace lb::balancer {
namespace {

using Picks = std::vector<std::uint32_t>;

constexpr auto kAll = [](std::uint32_t) { return true; };

template <class Eligible>
Picks picks(RoundRobin& order, std::size_t count, Eligible eligible) {
  Picks picked;
  for (std::size_t i = 0; i < count; ++i) {
    const auto pick = order.pick(eligible);
    EXPECT_TRUE(pick);
    picked.push_back(pick.value_or(UINT32_MAX));
  }
  return picked;
}

TEST(BalancerRoundRobin, equal_weights_take_strict_turns) {
  RoundRobin two(std::vector<unsigned>{1, 1});
  EXPECT_EQ(picks(two, 5, kAll), (Picks{0, 1, 0, 1, 0}));
  RoundRobin three(std::vector<unsigned>{7, 7, 7});
  EXPECT_EQ(picks(three, 7, kAll), (Picks{0, 1, 2, 0, 1, 2, 0}));
  RoundRobin one(std::vector<unsigned>{5});
  EXPECT_EQ(picks(one, 3, kAll), (Picks{0, 0, 0}));
}

// Before a naive skip: the neighbour behind one that is down got both turns, twice the load of the others.
TEST(BalancerRoundRobin, one_that_is_not_eligible_gives_its_neighbour_no_second_turn) {
  RoundRobin order(std::vector<unsigned>{1, 1, 1, 1});
  const auto without_one = [](std::uint32_t index) { return index != 1; };
  EXPECT_EQ(picks(order, 7, without_one), (Picks{0, 2, 3, 0, 2, 3, 0}));
  EXPECT_EQ(picks(order, 4, kAll), (Picks{1, 2, 3, 0})) << "one that comes back is in its old place";
}

TEST(BalancerRoundRobin, none_is_picked_where_none_is_eligible_and_the_turn_is_kept) {
  RoundRobin order(std::vector<unsigned>{1, 1, 1});
  EXPECT_EQ(picks(order, 1, kAll), (Picks{0}));
  EXPECT_EQ(order.pick([](std::uint32_t) { return false; }), std::nullopt);
  EXPECT_EQ(picks(order, 2, kAll), (Picks{1, 2}));
}

TEST(BalancerRoundRobin, each_slot_is_asked_at_most_once_for_one_pick) {
  RoundRobin order(std::vector<unsigned>{1, 1, 1});
  std::array<int, 3> asked{};
  EXPECT_EQ(order.pick([&](std::uint32_t index) {
    ++asked[index];
    return false;
  }),
            std::nullopt);
  EXPECT_EQ(asked, (std::array<int, 3>{1, 1, 1}));
}

TEST(BalancerRoundRobin, weights_are_spread_smoothly) {
  EXPECT_EQ(make_schedule(std::vector<unsigned>{5, 1, 1}), (Picks{0, 0, 1, 0, 2, 0, 0}));  // nginx' own example
  EXPECT_EQ(make_schedule(std::vector<unsigned>{2, 1}), (Picks{0, 1, 0}));
  EXPECT_EQ(make_schedule(std::vector<unsigned>{1, 1, 1}), (Picks{0, 1, 2}));
}

TEST(BalancerRoundRobin, a_common_divisor_does_not_lengthen_the_schedule) {
  EXPECT_EQ(make_schedule(std::vector<unsigned>{100, 50}), (Picks{0, 1, 0}));
  EXPECT_EQ(make_schedule(std::vector<unsigned>{1000, 1000}), (Picks{0, 1}));
}

// Goal: exact shares, evenly spread. Method: for several weights, each is picked as often as it says, and in each run
// of picks no one is further from its share than the number of endpoints.
TEST(BalancerRoundRobin, every_weight_has_its_exact_share_at_all_times) {
  for (const std::vector<unsigned>& weights :
       std::vector<std::vector<unsigned>>{{1, 2, 3}, {10, 1}, {7, 5, 3, 2}, {100, 99, 1}, {1, 1, 8}}) {
    const Picks schedule = make_schedule(weights);
    double sum = 0;
    for (const unsigned weight : weights) sum += weight;
    std::vector<double> picked(weights.size(), 0);
    for (std::size_t turn = 0; turn < schedule.size(); ++turn) {
      ++picked[schedule[turn]];
      for (std::size_t i = 0; i < weights.size(); ++i) {
        const double due = static_cast<double>(turn + 1) * weights[i] / sum;
        EXPECT_NEAR(picked[i], due, static_cast<double>(weights.size()));
      }
    }
    for (std::size_t i = 0; i < weights.size(); ++i) {
      EXPECT_EQ(picked[i], static_cast<double>(schedule.size()) * weights[i] / sum);
    }
  }
}

// Goal: workers share one order; no two get the same turn. Method: four threads pick; the counts are exactly equal.
TEST(BalancerRoundRobin, concurrent_picks_are_shared_exactly) {
  constexpr std::size_t kThreads = 4;
  constexpr std::size_t kEndpoints = 5;
  constexpr std::size_t kRounds = 20'000;
  RoundRobin order(std::vector<unsigned>(kEndpoints, 1));
  std::array<std::array<std::size_t, kEndpoints>, kThreads> counts{};
  std::vector<std::thread> threads;
  for (auto& mine : counts) {
    threads.emplace_back([&order, &mine] {
      for (std::size_t i = 0; i < kRounds * kEndpoints; ++i) ++mine[order.pick(kAll).value()];
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (std::size_t endpoint = 0; endpoint < kEndpoints; ++endpoint) {
    std::size_t sum = 0;
    for (const auto& mine : counts) sum += mine[endpoint];
    EXPECT_EQ(sum, kThreads * kRounds);
  }
}

TEST(BalancerRoundRobinDeathTest, there_is_at_least_one_endpoint_and_every_weight_counts) {
  EXPECT_DEATH(static_cast<void>(make_schedule(std::vector<unsigned>{})), "broken invariant");
  EXPECT_DEATH(static_cast<void>(make_schedule(std::vector<unsigned>{1, 0})), "broken invariant");
}

}  // namespace
}  // namespace lb::balancer
