#include "upstream/resolver_cache.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <memory>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "support/name_server.hpp"
#include "support/on_worker.hpp"

namespace lb::upstream {
namespace {

using base::Duration;
using support::NameServer;
using Says = NameServer::Says;

net::Tcp::endpoint at(const std::string& address, std::uint16_t port = 80) {
  return {net::asio::ip::make_address(address), port};
}

net::Addresses places_of(const AddressSet& set) {
  net::Addresses places;
  for (const AddressPtr& address : set.list) places.push_back(address->where);
  return places;
}

class UpstreamResolverCache : public testing::Test {
 protected:
  using Published = std::vector<std::pair<std::uint32_t, net::Addresses>>;
  using Ask = ResolverCache::Ask;

  AddressSetPtr set_of(const std::shared_ptr<Endpoint>& endpoint, Ask ask = Ask::again) {
    return test::run_on(worker, cache.look_up(endpoint, worker.wheel().after(Duration(10'000)), ask));
  }
  net::Addresses look_up(const std::shared_ptr<Endpoint>& endpoint, Ask ask = Ask::again) {
    return places_of(*set_of(endpoint, ask));
  }
  static std::shared_ptr<Endpoint> endpoint(const std::string& host, std::uint32_t slot) {
    return std::make_shared<Endpoint>(BackendSpec{"http://" + host, host}, slot);
  }
  // Turns the loop until so many changes were published.
  void wait_for(std::size_t count) {
    const support::Deadline deadline = support::within();
    while (published.size() < count && support::now() < deadline) test::turn_loop(worker);
    ASSERT_EQ(published.size(), count);
  }

  NameServer names;
  net::Worker worker{base::system_clock()};
  Resolver resolver{
      worker.executor(), worker.wheel(), {.servers = {names.address()}, .timeout = Duration(100), .attempts = 2}};
  Published published;
  ResolverCache cache{worker.executor(), worker.wheel(), resolver,
                      [this](std::uint32_t slot, const AddressSetPtr& addresses) {
                        published.emplace_back(slot, places_of(*addresses));
                      }};
};

TEST_F(UpstreamResolverCache, addresses_are_published_when_they_change) {
  const auto one = endpoint("192.0.2.1", 0);
  EXPECT_EQ(look_up(one), net::Addresses{at("192.0.2.1")});
  EXPECT_EQ(look_up(one), net::Addresses{at("192.0.2.1")});
  const auto other = endpoint("2001:db8::1", 5);
  EXPECT_EQ(look_up(other), net::Addresses{at("2001:db8::1")});
  EXPECT_EQ(published, (Published{{0, {at("192.0.2.1")}}, {5, {at("2001:db8::1")}}}));
  EXPECT_EQ(resolver.in_flight(), 0U);
}

TEST_F(UpstreamResolverCache, a_name_that_never_resolved_has_no_address) {
  EXPECT_TRUE(look_up(endpoint("nowhere.test", 0)).empty());
  EXPECT_TRUE(published.empty());
}

// Goal: a slot that another endpoint takes over forgets where the first one was, before anything else is known.
TEST_F(UpstreamResolverCache, a_slot_that_is_used_again_publishes_nothing_first) {
  auto gone = endpoint("192.0.2.1", 0);
  EXPECT_EQ(look_up(gone).size(), 1U);
  gone.reset();
  EXPECT_TRUE(look_up(endpoint("nowhere.test", 0)).empty());
  EXPECT_EQ(published, (Published{{0, {at("192.0.2.1")}}, {0, {}}}));
}

// Goal: the same where the new endpoint stands at the very place in memory where the old one stood. Method: both are
// built in one block. Found: the new one was taken for the old one, and had its addresses.
TEST_F(UpstreamResolverCache, an_endpoint_at_a_former_ones_place_in_memory_is_another_one) {
  alignas(Endpoint) std::array<std::byte, sizeof(Endpoint)> block;
  const auto build = [&block](const std::string& host) {
    auto* const built = new (block.data()) Endpoint(BackendSpec{"http://" + host, host}, 0);
    return std::shared_ptr<Endpoint>(built, [](Endpoint* endpoint) { endpoint->~Endpoint(); });
  };
  {
    const auto gone = build("192.0.2.1");
    EXPECT_EQ(look_up(gone).size(), 1U);
  }
  EXPECT_TRUE(look_up(build("nowhere.test")).empty());
  ASSERT_EQ(published.size(), 2U);
  EXPECT_TRUE(published[1].second.empty());
}

// Goal: connecting has failed: the name is looked up again, once a second at most.
TEST_F(UpstreamResolverCache, refresh_looks_a_name_up_again_at_most_once_a_second) {
  names.set("web.test", {.v4 = {"192.0.2.1"}});
  const auto one = endpoint("web.test", 0);
  for (int i = 0; i < 5; ++i) cache.refresh(one);
  wait_for(1);
  EXPECT_EQ(names.questions("web.test"), 1U);
  cache.refresh(one);
  EXPECT_EQ(resolver.in_flight(), 0U);
}

// Goal: nobody asks, and the name is followed all the same. Method: a TTL of none, which counts as a second.
TEST_F(UpstreamResolverCache, a_name_is_looked_up_again_when_its_time_is_over) {
  names.set("web.test", {.v4 = {"192.0.2.1"}, .ttl = 0});
  const auto one = endpoint("web.test", 0);
  const auto begun = support::now();
  EXPECT_EQ(look_up(one).size(), 1U);
  names.set("web.test", {.v4 = {"192.0.2.2"}, .ttl = 60});
  EXPECT_EQ(look_up(one, Ask::if_unknown), net::Addresses{at("192.0.2.1")}) << "it is known, and its time is not over";
  wait_for(2);
  EXPECT_GE(support::now() - begun, Duration(990));
  EXPECT_EQ(published.back(), (std::pair<std::uint32_t, net::Addresses>{0, {at("192.0.2.2")}}));
}

TEST_F(UpstreamResolverCache, an_endpoint_that_was_removed_is_not_followed) {
  names.set("web.test", {.v4 = {"192.0.2.1"}, .ttl = 0});
  const auto one = endpoint("web.test", 0);
  EXPECT_EQ(look_up(one).size(), 1U);
  one->remove();
  const support::Deadline deadline = support::within(Duration(1'300));
  while (support::now() < deadline) test::turn_loop(worker);
  EXPECT_EQ(names.questions("web.test"), 1U);
}

// Goal: whatever a server that fails says, the last good answer stays.
TEST_F(UpstreamResolverCache, the_last_good_answer_stays_while_the_server_fails) {
  names.set("web.test", {.v4 = {"192.0.2.1"}, .v6 = {"2001:db8::1"}});
  const auto one = endpoint("web.test", 0);
  const net::Addresses both{at("192.0.2.1"), at("2001:db8::1")};
  EXPECT_EQ(look_up(one), both);
  for (const Says says : {Says::failure, Says::nothing, Says::no_such_name}) {
    names.set("web.test", {.says = says});
    EXPECT_EQ(look_up(one), both);
  }
  names.set("web.test", {});
  EXPECT_EQ(look_up(one), both) << "a name without addresses is a mistake more often than a wish";
  names.set("web.test", {.v4 = {"192.0.2.7"}, .says_of_v6 = Says::failure});
  EXPECT_EQ(look_up(one), (net::Addresses{at("192.0.2.7"), at("2001:db8::1")})) << "each family for itself";
  names.set("web.test", {.v4 = {"192.0.2.7"}});
  EXPECT_EQ(look_up(one), net::Addresses{at("192.0.2.7")});
}

// Goal: an address that stays is the same one, with its health; another order of the same addresses is no change.
TEST_F(UpstreamResolverCache, addresses_that_stay_keep_what_is_known_of_them) {
  names.set("web.test", {.v4 = {"192.0.2.1", "192.0.2.2"}});
  const auto one = endpoint("web.test", 0);
  const AddressSetPtr before = set_of(one);
  names.set("web.test", {.v4 = {"192.0.2.2", "192.0.2.1"}});
  EXPECT_EQ(set_of(one), before);
  names.set("web.test", {.v4 = {"192.0.2.2", "192.0.2.3"}});
  const AddressSetPtr after = set_of(one);
  ASSERT_EQ(after->list.size(), 2U);
  EXPECT_EQ(after->list[0], before->list[1]);
  EXPECT_NE(after->list[1]->id, before->list[0]->id);
  EXPECT_FALSE(after->has(before->list[0]->id));
}

// Goal: of a name with more addresses than are used they are the same ones each time. Method: twenty, in an order of
// their own each time.
TEST_F(UpstreamResolverCache, of_many_addresses_the_same_ones_are_used_each_time) {
  std::vector<std::string> many;
  for (int i = 1; i <= 20; ++i) many.push_back("192.0.2." + std::to_string(i));
  const auto one = endpoint("web.test", 0);
  names.set("web.test", {.v4 = many});
  const AddressSetPtr before = set_of(one);
  EXPECT_EQ(before->list.size(), 16U);
  std::ranges::reverse(many);
  names.set("web.test", {.v4 = many});
  EXPECT_EQ(set_of(one), before);
}

// Goal: with addresses from before, a silent server leaves half of the time for using them.
TEST_F(UpstreamResolverCache, a_silent_server_takes_half_of_the_time_at_most) {
  resolver.configure({.servers = {names.address()}, .timeout = Duration(60'000), .attempts = 1});
  names.set("web.test", {.v4 = {"192.0.2.1"}});
  const auto one = endpoint("web.test", 0);
  EXPECT_EQ(look_up(one).size(), 1U);
  names.set("web.test", {.says = Says::nothing});
  const auto begun = support::now();
  const auto found = test::run_on(worker, cache.look_up(one, worker.wheel().after(Duration(400))));
  EXPECT_EQ(found->list.size(), 1U);
  EXPECT_GE(support::now() - begun, Duration(190));
  EXPECT_LT(support::now() - begun, Duration(390));
}

}  // namespace
}  // namespace lb::upstream
