// What another reading of the configuration keeps of the backends: identity, slots, turn, health, places.
#include <atomic>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "support/cluster.hpp"

namespace lb::upstream {
namespace {

std::vector<BackendSpec> specs(const std::string& names, std::uint32_t connections_max = 0) {
  std::vector<BackendSpec> backends;
  for (const char name : names) {
    backends.push_back({"http://" + std::string(1, name), std::string(1, name), 80, 1, connections_max});
  }
  return backends;
}

// Who is picked, by the last letter of the URL.
constexpr base::TimePoint kNow{};

std::string picks(Members& members, std::size_t count) {
  std::string text;
  for (std::size_t i = 0; i < count; ++i) {
    const Pick pick = test::pick(members);
    text += pick ? pick.endpoint->url().back() : pick.busy ? '-' : '?';
  }
  return text;
}

std::shared_ptr<Endpoint> find(const test::Cluster& cluster, char name) {
  for (const auto& endpoint : cluster.members()->endpoints()) {
    if (endpoint->url().back() == name) return endpoint;
  }
  return nullptr;
}

TEST(UpstreamMembers, an_endpoint_is_its_url) {
  test::Cluster cluster(specs("abc"), {});
  const auto a = find(cluster, 'a');
  const auto c = find(cluster, 'c');
  cluster.record_check(*c, false, "refused");
  cluster.replace(specs("cda"), {});
  EXPECT_EQ(find(cluster, 'a'), a);
  EXPECT_EQ(find(cluster, 'c'), c);
  EXPECT_FALSE(c->is_up()) << "health is kept";
  EXPECT_FALSE(a->is_removed());
  EXPECT_EQ(find(cluster, 'd')->state(), HealthState::unknown);
  // The same host with another port, or weight, is another one, or the same one.
  auto other_port = specs("a");
  other_port[0].url = "http://a:81";
  other_port[0].port = 81;
  cluster.replace(other_port, {});
  EXPECT_NE(cluster.members()->endpoints()[0], a);
  EXPECT_TRUE(a->is_removed());
}

TEST(UpstreamMembers, one_that_comes_back_is_new) {
  test::Cluster cluster(specs("ab"), {});
  const auto b = find(cluster, 'b');
  cluster.record_check(*b, false, "refused");
  cluster.replace(specs("a"), {});
  EXPECT_TRUE(b->is_removed());
  cluster.replace(specs("ab"), {});
  const auto again = find(cluster, 'b');
  EXPECT_NE(again, b);
  EXPECT_FALSE(again->is_removed());
  EXPECT_EQ(again->state(), HealthState::unknown);
  EXPECT_NE(again->slot(), b->slot()) << "the old one still lives";
}

// A slot stands for what workers keep: no two living endpoints may share one, and they must not grow without end.
TEST(UpstreamMembers, slots_are_used_again_only_when_their_endpoint_is_gone) {
  test::Cluster cluster(specs("ab"), {});
  std::vector<MembersPtr> kept{cluster.members()};
  for (const char* names : {"bc", "cd", "de", "ab"}) {
    kept.push_back(cluster.replace(specs(names), {}));
    std::set<std::uint32_t> slots;
    std::set<const Endpoint*> living;
    for (const MembersPtr& members : kept) {
      for (const auto& endpoint : members->endpoints()) {
        if (living.insert(endpoint.get()).second) {
          EXPECT_TRUE(slots.insert(endpoint->slot()).second) << names;
        }
      }
    }
  }
  kept.clear();
  for (int i = 0; i < 100; ++i) cluster.replace(specs(i % 2 == 0 ? "cd" : "ef"), {});
  for (const auto& endpoint : cluster.members()->endpoints()) EXPECT_LT(endpoint->slot(), 8U);
}

TEST(UpstreamMembers, the_turn_is_kept) {
  test::Cluster cluster(specs("abcd"), {});
  EXPECT_EQ(picks(*cluster.members(), 2), "ab");
  cluster.replace(specs("abcd"), {});
  EXPECT_EQ(picks(*cluster.members(), 3), "cda");
  cluster.replace(specs("dcba"), {});
  EXPECT_EQ(picks(*cluster.members(), 2), "ba");
  EXPECT_EQ(picks(*cluster.members(), 1), "d");
  cluster.replace(specs("ad"), {});
  EXPECT_EQ(picks(*cluster.members(), 2), "ad") << "it was c's, which left; then b, which left; then a";
  cluster.replace(specs("xyz"), {});
  EXPECT_EQ(picks(*cluster.members(), 3), "xyz");
}

TEST(UpstreamMembers, old_members_still_work_and_stay_as_they_were) {
  test::Cluster cluster(specs("ab"), {});
  const MembersPtr before = cluster.members();
  cluster.replace(specs("c"), {});
  EXPECT_EQ(picks(*before, 4), "abab");
  EXPECT_EQ(picks(*cluster.members(), 2), "cc");
}

TEST(UpstreamMembers, thresholds_change) {
  test::Cluster cluster(specs("a"), {.failures = 3, .rise = 1, .fall = 1});
  Endpoint& a = cluster.endpoint(0);
  cluster.replace(specs("a"), {.failures = 1, .rise = 2, .fall = 2});
  cluster.record_check(a, true, "");
  cluster.record_check(a, false, "refused");
  EXPECT_TRUE(a.is_up());
  cluster.record_check(a, false, "refused");
  EXPECT_FALSE(a.is_up());
  cluster.record_check(a, true, "");
  EXPECT_FALSE(a.is_up());
  cluster.record_check(a, true, "");
  EXPECT_TRUE(a.is_up());
  cluster.record_failure(a, "refused");
  EXPECT_FALSE(a.is_up());
}

// Goal: what is new gets no requests before it was checked, and what is there does not wait for that.
class UpstreamClusterAdmission : public testing::Test {
 protected:
  // The names of those that requests go to.
  [[nodiscard]] std::string published() {
    std::string names;
    if (const MembersPtr& members = cluster.publish()) {
      for (const auto& endpoint : members->endpoints()) names += endpoint->url().back();
    }
    return names;
  }

  Registry registry{1};
  Cluster cluster{registry};
};

TEST_F(UpstreamClusterAdmission, before_any_is_admitted_there_are_no_members) {
  const auto added = cluster.replace(specs("ab"), {}).added;
  EXPECT_EQ(added.size(), 2U);
  EXPECT_EQ(published(), "");
  cluster.admit({added[1]}, kNow);
  EXPECT_EQ(published(), "b");
  cluster.admit({added[0]}, kNow);
  EXPECT_EQ(published(), "ab") << "in the order of the configuration";
}

TEST_F(UpstreamClusterAdmission, others_come_and_go_while_one_is_being_checked) {
  cluster.admit(cluster.replace(specs("ab"), {}).added, kNow);
  ASSERT_EQ(published(), "ab");
  const EndpointPtr a = cluster.endpoints()[0];
  const Cluster::Change change = cluster.replace(specs("bc"), {});
  ASSERT_EQ(change.added.size(), 1U);
  EXPECT_EQ(change.removed, 1U);
  EXPECT_EQ(published(), "b") << "c is being checked, a leaves at once";
  EXPECT_TRUE(a->is_removed());
  cluster.admit(change.added, kNow);
  EXPECT_EQ(published(), "bc");
}

TEST_F(UpstreamClusterAdmission, where_all_are_new_the_old_ones_go_on) {
  cluster.admit(cluster.replace(specs("ab"), {}).added, kNow);
  ASSERT_EQ(published(), "ab");
  const EndpointPtr a = cluster.endpoints()[0];
  const Cluster::Change change = cluster.replace(specs("xy"), {});
  EXPECT_EQ(change.removed, 2U);
  EXPECT_EQ(published(), "ab");
  EXPECT_FALSE(a->is_removed());
  // Called back before its time is over, it is the one that it was.
  const Cluster::Change back = cluster.replace(specs("ax"), {});
  EXPECT_TRUE(back.added.empty());
  EXPECT_EQ(cluster.endpoints()[0], a);
  EXPECT_EQ(published(), "a");
  EXPECT_TRUE(change.added[1]->is_removed()) << "y, that never got a request";
  cluster.admit({change.added[0]}, kNow);
  EXPECT_EQ(published(), "ax");
}

TEST_F(UpstreamClusterAdmission, one_that_leaves_before_it_was_checked_comes_back_as_another) {
  cluster.admit(cluster.replace(specs("a"), {}).added, kNow);
  const EndpointPtr b = cluster.replace(specs("ab"), {}).added.front();
  EXPECT_EQ(cluster.replace(specs("a"), {}).removed, 1U);
  EXPECT_TRUE(b->is_removed());
  const EndpointPtr again = cluster.replace(specs("ab"), {}).added.front();
  EXPECT_NE(again, b);
  cluster.admit({b}, kNow);
  EXPECT_EQ(published(), "a") << "the check of the first says nothing about the second";
}

TEST_F(UpstreamClusterAdmission, a_slot_and_its_endpoint_are_found_until_it_is_removed) {
  cluster.admit(cluster.replace(specs("ab"), {}).added, kNow);
  static_cast<void>(published());
  const EndpointPtr b = cluster.endpoints()[1];
  EXPECT_EQ(registry.at(b->slot()), b);
  EXPECT_EQ(registry.at(99), nullptr);
  cluster.replace(specs("a"), {});
  static_cast<void>(published());
  EXPECT_EQ(registry.at(b->slot()), nullptr);
}

TEST(UpstreamMembers, limits_are_kept_to_and_busy_is_said) {
  auto backends = specs("ab", 1);
  test::Cluster cluster(backends, {});
  Members& members = *cluster.members();
  const Pick first = test::pick(members);
  const Pick second = test::pick(members);
  EXPECT_TRUE(first && second);
  EXPECT_NE(first.endpoint, second.endpoint);
  const Pick none = test::pick(members);
  EXPECT_FALSE(none);
  EXPECT_TRUE(none.busy);
  const Pick tried_all = test::pick(members, {0, 1});
  EXPECT_FALSE(tried_all);
  EXPECT_FALSE(tried_all.busy) << "there is nothing left to wait for";
  second.endpoint->release();
  EXPECT_EQ(test::pick(members).endpoint, second.endpoint);
  EXPECT_TRUE(test::pick(members, {second.endpoint->slot()}).busy) << "the other one has no room yet";
  // What is under way is counted without a limit, too.
  cluster.replace(specs("ab", 0), {});
  const Pick unlimited = test::pick(*cluster.members());
  ASSERT_TRUE(unlimited);
  EXPECT_EQ(first.endpoint->in_use() + second.endpoint->in_use(), 3U);
  unlimited.endpoint->release();
  EXPECT_EQ(first.endpoint->in_use(), 1U);
  cluster.replace(specs("ab", 1), {});
  EXPECT_TRUE(test::pick(*cluster.members()).busy);
  first.endpoint->release();
  EXPECT_EQ(test::pick(*cluster.members()).endpoint, first.endpoint);
}

// Goal: never more than the limit, from any number of threads, and none of the places is lost. Method: four threads
// take and give back; each checks the count while it holds a place.
TEST(UpstreamMembers, the_limit_holds_between_threads) {
  test::Cluster cluster(specs("ab", 2), {});
  Members& members = *cluster.members();
  std::atomic<int> exceeded{0};
  std::atomic<int> taken{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int k = 0; k < 20'000; ++k) {
        const Pick pick = test::pick(members);
        if (!pick) continue;
        ++taken;
        if (pick.endpoint->in_use() > 2) ++exceeded;
        pick.endpoint->release();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(exceeded, 0);
  EXPECT_GT(taken, 0);
  for (const auto& endpoint : members.endpoints()) EXPECT_EQ(endpoint->in_use(), 0U);
}

}  // namespace
}  // namespace lb::upstream
