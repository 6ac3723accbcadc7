#include "balancer/round_robin.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "base/random.hpp"

namespace lb::balancer {
namespace {

using Picks = std::vector<std::uint32_t>;

constexpr auto kAll = [](std::uint32_t) { return true; };

// All of `count` endpoints.
RoundRobin::Candidates all_of(const RoundRobin& order, std::uint32_t count) {
  RoundRobin::Candidates candidates(order);
  for (std::uint32_t i = 0; i < count; ++i) candidates.insert(i);
  return candidates;
}

template <class Eligible>
Picks picks(RoundRobin& order, std::uint32_t endpoints, std::size_t count, Eligible eligible) {
  const RoundRobin::Candidates candidates = all_of(order, endpoints);
  Picks picked;
  for (std::size_t i = 0; i < count; ++i) {
    const auto pick = order.pick(candidates, eligible);
    EXPECT_TRUE(pick);
    picked.push_back(pick.value_or(UINT32_MAX));
  }
  return picked;
}

TEST(BalancerRoundRobin, equal_weights_take_strict_turns) {
  RoundRobin two(std::vector<unsigned>{1, 1});
  EXPECT_EQ(picks(two, 2, 5, kAll), (Picks{0, 1, 0, 1, 0}));
  RoundRobin three(std::vector<unsigned>{7, 7, 7});
  EXPECT_EQ(picks(three, 3, 7, kAll), (Picks{0, 1, 2, 0, 1, 2, 0}));
  RoundRobin one(std::vector<unsigned>{5});
  EXPECT_EQ(picks(one, 1, 3, kAll), (Picks{0, 0, 0}));
}

// Before a naive skip: the neighbour behind one that is down got both turns, twice the load of the others.
TEST(BalancerRoundRobin, one_that_is_not_eligible_gives_its_neighbour_no_second_turn) {
  RoundRobin order(std::vector<unsigned>{1, 1, 1, 1});
  const auto without_one = [](std::uint32_t index) { return index != 1; };
  EXPECT_EQ(picks(order, 4, 7, without_one), (Picks{0, 2, 3, 0, 2, 3, 0}));
  EXPECT_EQ(picks(order, 4, 4, kAll), (Picks{1, 2, 3, 0})) << "one that comes back is in its old place";
}

TEST(BalancerRoundRobin, none_is_picked_where_none_is_eligible_and_the_turn_is_kept) {
  RoundRobin order(std::vector<unsigned>{1, 1, 1});
  EXPECT_EQ(picks(order, 3, 1, kAll), (Picks{0}));
  EXPECT_EQ(order.pick(all_of(order, 3), [](std::uint32_t) { return false; }), std::nullopt);
  EXPECT_EQ(picks(order, 3, 2, kAll), (Picks{1, 2}));
}

TEST(BalancerRoundRobin, each_slot_is_asked_at_most_once_for_one_pick) {
  RoundRobin order(std::vector<unsigned>{1, 1, 1});
  std::array<int, 3> asked{};
  EXPECT_EQ(order.pick(all_of(order, 3),
                       [&](std::uint32_t index) {
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
  const RoundRobin::Candidates candidates = all_of(order, kEndpoints);
  for (auto& mine : counts) {
    threads.emplace_back([&order, &candidates, &mine] {
      for (std::size_t i = 0; i < kRounds * kEndpoints; ++i) ++mine[order.pick(candidates, kAll).value()];
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (std::size_t endpoint = 0; endpoint < kEndpoints; ++endpoint) {
    std::size_t sum = 0;
    for (const auto& mine : counts) sum += mine[endpoint];
    EXPECT_EQ(sum, kThreads * kRounds);
  }
}

// nginx' smooth weighted round robin as it is told: each turn everybody gains its weight, the first of the richest is
// picked and pays the sum.
Picks plain_schedule(const std::vector<unsigned>& weights) {
  std::int64_t sum = 0;
  for (const unsigned weight : weights) sum += weight;
  std::vector<std::int64_t> credit(weights.size(), 0);
  Picks schedule;
  for (std::int64_t turn = 0; turn < sum; ++turn) {
    std::size_t richest = 0;
    for (std::size_t i = 0; i < weights.size(); ++i) {
      credit[i] += weights[i];
      if (credit[i] > credit[richest]) richest = i;
    }
    credit[richest] -= sum;
    schedule.push_back(static_cast<std::uint32_t>(richest));
  }
  return schedule;
}

// Goal: the quick way gives the order of the plain one. Method: random weights, many of them equal, and one of 1 so
// that nothing divides them.
TEST(BalancerRoundRobin, schedule_is_that_of_the_plain_algorithm) {
  base::Random random(1);
  for (int round = 0; round < 200; ++round) {
    std::vector<unsigned> weights(1 + random.below(12));
    const std::uint64_t most = 1 + random.below(round % 2 == 0 ? 4 : 256);
    for (unsigned& weight : weights) weight = 1 + static_cast<unsigned>(random.below(most));
    weights[random.below(weights.size())] = 1;
    EXPECT_EQ(make_schedule(weights), plain_schedule(weights)) << testing::PrintToString(weights);
  }
}

// Goal: who is picked does not depend on how: by candidates, by stepping, by comparing turns. Method: random sets of
// candidates and of eligible ones, against a walk along the schedule; enough endpoints that stepping is given up.
TEST(BalancerRoundRobin, picks_are_those_of_a_walk_along_the_schedule) {
  base::Random random(2);
  for (int round = 0; round < 200; ++round) {
    std::vector<unsigned> weights(1 + random.below(60));
    for (unsigned& weight : weights) weight = 1 + static_cast<unsigned>(random.below(round % 3 == 0 ? 1 : 9));
    const Picks schedule = make_schedule(weights);
    RoundRobin order(weights);
    RoundRobin::Candidates candidates(order);
    std::vector<bool> is_candidate(weights.size());
    std::size_t position = order.position();
    for (int pick = 0; pick < 50; ++pick) {
      const auto changed = static_cast<std::uint32_t>(random.below(weights.size()));
      is_candidate[changed] ? candidates.erase(changed) : candidates.insert(changed);
      is_candidate[changed] = !is_candidate[changed];
      std::vector<bool> is_eligible(weights.size());
      for (std::size_t i = 0; i < weights.size(); ++i) is_eligible[i] = random.below(pick % 2 == 0 ? 2 : 20) == 0;
      std::optional<std::uint32_t> expected;
      for (std::size_t step = 0; step < schedule.size() && !expected; ++step) {
        const std::uint32_t one = schedule[(position + step) % schedule.size()];
        if (!is_candidate[one] || !is_eligible[one]) continue;
        expected = one;
        position = (position + step + 1) % schedule.size();
        break;
      }
      EXPECT_EQ(order.pick(candidates, [&](std::uint32_t index) { return is_eligible[index]; }), expected);
    }
  }
}

// Goal: what a pick costs does not grow with weights, whatever is down or busy. Method: 1,024 endpoints with weights 1
// to 256; how often anybody is asked is counted: none that is no candidate, and each candidate at most once beyond a
// few steps. Before: every turn of the schedule, 131,584 of them.
TEST(BalancerRoundRobin, pick_asks_no_more_than_the_candidates) {
  std::vector<unsigned> weights;
  for (unsigned i = 0; i < 1024; ++i) weights.push_back(1 + i % 256);
  RoundRobin order(weights);
  RoundRobin::Candidates candidates(order);
  std::size_t asked = 0;
  const auto nobody = [&asked](std::uint32_t) {
    ++asked;
    return false;
  };
  EXPECT_EQ(order.pick(candidates, nobody), std::nullopt);
  EXPECT_EQ(asked, 0U) << "all are down";
  candidates.insert(700);
  EXPECT_EQ(order.pick(candidates, kAll), 700U) << "one is up";
  for (std::uint32_t i = 0; i < 1024; ++i) candidates.insert(i);
  asked = 0;
  EXPECT_EQ(order.pick(candidates, nobody), std::nullopt);
  EXPECT_LE(asked, 1024U + 16U) << "all are busy";
}

TEST(BalancerRoundRobinDeathTest, there_is_at_least_one_endpoint_and_every_weight_counts) {
  EXPECT_DEATH(static_cast<void>(make_schedule(std::vector<unsigned>{})), "broken invariant");
  EXPECT_DEATH(static_cast<void>(make_schedule(std::vector<unsigned>{1, 0})), "broken invariant");
}

}  // namespace
}  // namespace lb::balancer
