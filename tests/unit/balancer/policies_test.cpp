// What each policy promises: shares, tiers, what it avoids, and what it does not starve.
#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "balancer/hash.hpp"
#include "balancer/policy.hpp"

namespace lb::balancer {
namespace {

using namespace std::chrono_literals;

constexpr std::array kAll = {PolicyKind::round_robin, PolicyKind::least_requests, PolicyKind::random_two,
                             PolicyKind::peak_ewma,   PolicyKind::prequal,        PolicyKind::consistent_hash};
constexpr std::array kLoadAware = {PolicyKind::least_requests, PolicyKind::peak_ewma, PolicyKind::prequal};

// A policy with its endpoints, all up, at a time that the test sets.
class World {
 public:
  World(PolicyKind kind, const std::vector<unsigned>& weights, std::uint64_t seed = 7) : random_(seed) {
    for (std::size_t i = 0; i < weights.size(); ++i) {
      names_.push_back("http://b" + std::to_string(i) + ":80");
      loads_.push_back(std::make_unique<Load>());
    }
    std::vector<Candidate> candidates;
    for (std::size_t i = 0; i < weights.size(); ++i) {
      loads_[i]->observe();
      candidates.push_back({names_[i], weights[i], loads_[i].get()});
    }
    policy_ = make_policy(kind, candidates, 0);
    for (std::uint32_t i = 0; i < weights.size(); ++i) policy_->move(i, Tier::none, Tier::up);
  }

  std::optional<std::uint32_t> pick(std::uint64_t key = 0) {
    const auto eligible = [this](std::uint32_t one) { return std::ranges::find(excluded_, one) == excluded_.end(); };
    return policy_->pick({tier_, eligible, key, now_, random_});
  }
  // How often each is picked for requests of different keys, one at a time, each of which takes `latency(endpoint)`.
  template <class Latency>
  std::vector<double> shares(int count, Latency latency) {
    std::vector<double> shares(loads_.size());
    for (int i = 0; i < count; ++i) {
      const auto one = pick(mix(static_cast<std::uint64_t>(i) + 1));
      if (!one) continue;
      shares[*one] += 1.0 / count;
      const std::chrono::microseconds took = latency(*one);
      now_ += took;
      load(*one).record(Sample{load(*one).note_answer(took, now_), 1}, now_);
    }
    return shares;
  }
  std::vector<double> shares(int count) {
    return shares(count, [](std::uint32_t) { return 1000us; });
  }

  Load& load(std::uint32_t one) { return *loads_[one]; }
  Policy& policy() { return *policy_; }
  void pass(std::chrono::milliseconds time) { now_ += time; }
  void exclude(std::vector<std::uint32_t> some) { excluded_ = std::move(some); }
  void among(Tier tier) { tier_ = tier; }
  [[nodiscard]] base::TimePoint now() const { return now_; }

 private:
  std::vector<std::string> names_;
  std::vector<std::unique_ptr<Load>> loads_;
  PolicyPtr policy_;
  base::Random random_;
  base::TimePoint now_{1h};
  Tier tier_ = Tier::up;
  std::vector<std::uint32_t> excluded_;
};

// Goal: every policy has a name, and every name a policy.
TEST(BalancerPolicies, names) {
  for (const PolicyKind kind : kAll) EXPECT_EQ(policy_named(to_string(kind)), kind);
  EXPECT_EQ(policy_named("round_robin"), std::nullopt);
}

// Goal: with one request at a time the heavier gets more, by its share. Method: long enough for chance to even out.
TEST(BalancerPolicies, shares_follow_weights) {
  for (const PolicyKind kind : kAll) {
    if (kind == PolicyKind::random_two) continue;  // of three, the two that are drawn: see below
    World world(kind, {1, 2, 5});
    const auto shares = world.shares(40'000);
    EXPECT_NEAR(shares[0], 1.0 / 8, 0.03) << to_string(kind);
    EXPECT_NEAR(shares[1], 2.0 / 8, 0.03) << to_string(kind);
    EXPECT_NEAR(shares[2], 5.0 / 8, 0.03) << to_string(kind);
  }
  World world(PolicyKind::random_two, {1, 2, 5});
  const auto shares = world.shares(40'000);
  EXPECT_NEAR(shares[2], 5.0 / 8, 0.03);
}

// Goal: latencies that differ by noise move no weight. Method: jitter below what counts as alike.
TEST(BalancerPolicies, noise_does_not_move_shares) {
  for (const PolicyKind kind : kLoadAware) {
    World world(kind, {1, 3});
    base::Random noise(3);
    const auto shares = world.shares(
        20'000, [&](std::uint32_t) { return std::chrono::microseconds(300 + static_cast<int>(noise.below(1500))); });
    EXPECT_NEAR(shares[1], 0.75, 0.05) << to_string(kind);
  }
}

TEST(BalancerPolicies, only_the_tier_asked_for_and_only_eligible_ones) {
  for (const PolicyKind kind : kAll) {
    World world(kind, {1, 1, 1, 1, 1});
    world.policy().move(1, Tier::up, Tier::down);
    world.policy().move(2, Tier::up, Tier::backup);
    world.exclude({3});
    for (std::uint64_t i = 0; i < 300; ++i) {
      const auto one = world.pick(mix(i));
      ASSERT_TRUE(one && (*one == 0 || *one == 4)) << to_string(kind);
    }
    world.among(Tier::down);
    EXPECT_EQ(world.pick(), 1U) << to_string(kind);
    world.among(Tier::backup);
    EXPECT_EQ(world.pick(), 2U) << to_string(kind);
    world.among(Tier::suspended);
    EXPECT_EQ(world.pick(), std::nullopt) << to_string(kind);
    world.among(Tier::none);
    for (std::uint64_t i = 0; i < 300; ++i) EXPECT_NE(world.pick(mix(i)), 3U);
    world.exclude({0, 1, 2, 3, 4});
    EXPECT_EQ(world.pick(), std::nullopt) << to_string(kind);
  }
}

// Goal: with one of very many left, it is found.
TEST(BalancerPolicies, the_only_one_of_a_thousand_is_found) {
  for (const PolicyKind kind : kAll) {
    World world(kind, std::vector<unsigned>(1000, 1));
    for (std::uint32_t i = 0; i < 1000; ++i) {
      if (i != 700) world.policy().move(i, Tier::up, Tier::down);
    }
    for (std::uint64_t i = 0; i < 50; ++i) EXPECT_EQ(world.pick(mix(i)), 700U) << to_string(kind);
  }
}

// Goal: what is left of a group shares by weight, also when the heaviest is out.
TEST(BalancerPolicies, those_that_are_left_share_by_weight) {
  for (const PolicyKind kind : kAll) {
    if (kind == PolicyKind::consistent_hash) continue;  // whose next on the ring is as it happens
    World world(kind, {100, 1, 3});
    world.policy().move(0, Tier::up, Tier::down);
    const auto shares = world.shares(20'000);
    EXPECT_NEAR(shares[2], 0.75, 0.04) << to_string(kind);
  }
}

TEST(BalancerPolicies, the_emptiest_is_taken_by_those_that_count) {
  for (const PolicyKind kind : {PolicyKind::least_requests, PolicyKind::random_two, PolicyKind::peak_ewma}) {
    World world(kind, {1, 1});
    for (int i = 0; i < 3; ++i) static_cast<void>(world.load(0).acquire(0));
    for (int i = 0; i < 100; ++i) EXPECT_EQ(world.pick(), 1U) << to_string(kind);
  }
}

// Goal: requests at once are shared by weight. Method: none ends.
TEST(BalancerPolicies, requests_at_once_follow_weights) {
  for (const PolicyKind kind : {PolicyKind::least_requests, PolicyKind::random_two, PolicyKind::peak_ewma}) {
    World world(kind, {1, 3});
    for (int i = 0; i < 400; ++i) static_cast<void>(world.load(*world.pick()).acquire(0));
    EXPECT_NEAR(world.load(0).in_flight(), 100, 3) << to_string(kind);
  }
}

// Goal: weights hold between "one at a time" and "hundreds at once", too. Method: two requests at once, over and over,
// all of which take as long.
TEST(BalancerPolicies, shares_follow_weights_with_two_at_once) {
  for (const PolicyKind kind :
       {PolicyKind::least_requests, PolicyKind::random_two, PolicyKind::peak_ewma, PolicyKind::prequal}) {
    World world(kind, {1, 10});
    std::array<int, 2> got{};
    std::optional<std::uint32_t> before;
    for (int i = 0; i < 4000; ++i) {
      const std::uint32_t one = *world.pick();
      const std::uint32_t at_once = world.load(one).acquire(0);
      ++got[one];
      world.pass(2ms);
      if (before) {
        world.load(*before).release();
        world.load(*before).record(Sample{world.load(*before).note_answer(4ms, world.now()), at_once}, world.now());
      }
      before = one;
    }
    EXPECT_LT(got[0], 800) << to_string(kind) << ": a tenth is fair, and half is none";
    EXPECT_GT(got[0], 20) << to_string(kind);
  }
}

TEST(BalancerPolicies, a_slow_one_gets_little_of_those_that_measure) {
  for (const PolicyKind kind : {PolicyKind::peak_ewma, PolicyKind::prequal}) {
    World world(kind, {1, 1, 1, 1, 1});
    const auto shares = world.shares(20'000, [](std::uint32_t one) { return one == 0 ? 50'000us : 5'000us; });
    EXPECT_LT(shares[0], 0.01) << to_string(kind);
  }
}

// Goal: one hiccup of one server moves nothing. Method: a single answer that takes a hundred times as long.
TEST(BalancerPolicies, a_single_late_answer_does_not_count) {
  for (const PolicyKind kind : kLoadAware) {
    World world(kind, {1, 1});
    int n = 0;
    const auto shares = world.shares(2'000, [&n](std::uint32_t one) {
      ++n;
      return n > 100 && n % 700 == 0 && one == 0 ? 100'000us : 1000us;
    });
    EXPECT_NEAR(shares[0], 0.5, 0.06) << to_string(kind);
  }
}

// Goal: who fails at once attracts nothing, although it never has much to do. Method: it fails; the others take 5 ms.
TEST(BalancerPolicies, one_that_fails_fast_attracts_nothing) {
  for (const PolicyKind kind : kLoadAware) {
    World world(kind, {1, 1, 1});
    int failed = 0;
    std::array<int, 2> busy{};
    for (int i = 0; i < 3000; ++i) {
      const std::uint32_t one = *world.pick();
      if (one == 0) {
        ++failed;
        world.load(0).note_answer(100us, world.now());
        world.load(0).record_failure(world.now());
      } else {
        // The others are busy with one each, most of the time.
        static_cast<void>(world.load(one).acquire(0));
        if (++busy[one - 1] > 1) {
          world.load(one).release();
          world.load(one).note_answer(5ms, world.now());
          world.load(one).record(Sample{5ms, 2}, world.now());
        }
      }
      world.pass(2ms);
    }
    EXPECT_LT(failed, 150) << to_string(kind);
  }
}

// Goal: a few failures in a hundred are everyday, and move nothing.
TEST(BalancerPolicies, rare_failures_do_not_count) {
  for (const PolicyKind kind : kLoadAware) {
    World world(kind, {1, 1});
    int first = 0;
    for (int i = 0; i < 20'000; ++i) {
      const std::uint32_t one = *world.pick();
      first += one == 0 ? 1 : 0;
      world.pass(2ms);
      world.load(one).note_answer(2ms, world.now());
      if (i % 50 == 49) {
        world.load(one).record_failure(world.now());
      } else {
        world.load(one).record(Sample{2ms, 1}, world.now());
      }
    }
    EXPECT_NEAR(first, 10'000, 1'000) << to_string(kind);
  }
}

// Goal: one that starts slowly gets a growing share, and all of it in the end; alone it gets everything.
TEST(BalancerPolicies, slow_start) {
  for (const PolicyKind kind : kAll) {
    World world(kind, {1, 1, 1, 1});
    world.load(0).start_slowly(world.now(), 100s);
    world.pass(25s);  // a quarter of its share: 1 of 13
    const auto early = world.shares(4000, [](std::uint32_t) { return 100us; });
    EXPECT_NEAR(early[0], 1.0 / 13, 0.03) << to_string(kind);
    world.exclude({1, 2, 3});
    EXPECT_EQ(world.pick(), 0U) << to_string(kind);
    world.exclude({});
    world.pass(100s);
    EXPECT_NEAR(world.shares(4000)[0], 0.25, 0.04) << to_string(kind);
    EXPECT_FALSE(world.load(0).is_reduced());
  }
}

TEST(BalancerPolicies, a_reduced_share_that_is_given_back) {
  World world(PolicyKind::round_robin, {1, 1});
  world.load(0).reduce(0.5);
  EXPECT_NEAR(world.shares(4000)[0], 1.0 / 3, 0.03);
  world.load(0).reduce(1);
  EXPECT_NEAR(world.shares(4000)[0], 0.5, 0.001);
}

// What a backend says of itself is believed before what was measured.
TEST(BalancerPolicies, prequal_believes_reports) {
  World world(PolicyKind::prequal, {1, 1});
  for (const std::uint32_t one : {0U, 1U}) world.load(one).record(Sample{10ms, 1}, world.now());
  world.load(0).record(Report{0, 100ms}, world.now());
  for (int i = 0; i < 50; ++i) EXPECT_EQ(world.pick(), 1U);
  world.pass(2s);  // it has said nothing for long
  int first = 0;
  for (int i = 0; i < 200; ++i) first += *world.pick() == 0 ? 1 : 0;
  EXPECT_GT(first, 50);
}

// Goal: nobody has more than its part by weight, whoever the key belongs to. Method: all requests have one key, of
// each.
TEST(BalancerPolicies, bounded_load_is_by_weight) {
  for (std::uint64_t key = 1; key <= 20; ++key) {
    World world(PolicyKind::consistent_hash, {1, 1, 10});
    for (int i = 1; i <= 200; ++i) {
      static_cast<void>(world.load(*world.pick(mix(key))).acquire(0));
      for (const std::uint32_t light : {0U, 1U}) {
        ASSERT_LE(world.load(light).in_flight(), static_cast<std::uint32_t>(std::ceil(1.25 * i / 12)) + 1) << i;
      }
    }
  }
}

class BalancerConsistentHash : public testing::Test {
 protected:
  // Who gets each of so many keys.
  static std::vector<std::uint32_t> owners(World& world, std::uint64_t keys) {
    std::vector<std::uint32_t> owners;
    for (std::uint64_t key = 0; key < keys; ++key) owners.push_back(*world.pick(mix(key + 1)));
    return owners;
  }
};

TEST_F(BalancerConsistentHash, the_same_key_gets_the_same_endpoint_everywhere) {
  World one(PolicyKind::consistent_hash, {1, 1, 1, 1, 1}, 1);
  World other(PolicyKind::consistent_hash, {1, 1, 1, 1, 1}, 2);
  EXPECT_EQ(owners(one, 5000), owners(other, 5000));
}

// Goal: who leaves gives its keys to all the others, and no other key moves.
TEST_F(BalancerConsistentHash, only_the_keys_of_who_leaves_move) {
  World world(PolicyKind::consistent_hash, {1, 1, 1, 1, 1});
  const auto before = owners(world, 20'000);
  world.policy().move(2, Tier::up, Tier::down);
  const auto after = owners(world, 20'000);
  std::array<int, 5> gained{};
  for (std::size_t i = 0; i < before.size(); ++i) {
    if (before[i] != 2) {
      ASSERT_EQ(before[i], after[i]);
    } else {
      ++gained[after[i]];
    }
  }
  for (const std::uint32_t one : {0U, 1U, 3U, 4U}) EXPECT_NEAR(gained[one], 1000, 500);
}

// Goal: a new member takes its share from all, and moves nothing else.
TEST_F(BalancerConsistentHash, a_new_one_takes_only_its_share) {
  World small(PolicyKind::consistent_hash, {1, 1, 1, 1});
  World large(PolicyKind::consistent_hash, {1, 1, 1, 1, 1});
  const auto before = owners(small, 20'000);
  const auto after = owners(large, 20'000);
  int moved = 0;
  for (std::size_t i = 0; i < before.size(); ++i) {
    if (before[i] == after[i]) continue;
    ++moved;
    ASSERT_EQ(after[i], 4U);
  }
  EXPECT_NEAR(moved, 4000, 800);
}

// Goal: nobody has more than 1.25 times the average, rounded up, and two at least, even if all requests have one key.
TEST_F(BalancerConsistentHash, load_is_bounded) {
  World world(PolicyKind::consistent_hash, {1, 1, 1, 1});
  for (int i = 1; i <= 400; ++i) {
    static_cast<void>(world.load(*world.pick(42)).acquire(0));
    for (std::uint32_t one = 0; one < 4; ++one) {
      EXPECT_LE(world.load(one).in_flight(), std::max(2U, static_cast<std::uint32_t>(std::ceil(1.25 * i / 4))));
    }
  }
}

TEST_F(BalancerConsistentHash, a_key_stays_while_there_is_little_to_do) {
  World world(PolicyKind::consistent_hash, {1, 1, 1});
  const std::uint32_t own = *world.pick(42);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(world.pick(42), own);
}

}  // namespace
}  // namespace lb::balancer
