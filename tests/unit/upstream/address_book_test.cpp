#include "upstream/address_book.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <memory>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "support/on_worker.hpp"

namespace lb::upstream {
namespace {

using base::Duration;

net::Tcp::endpoint at(const std::string& address, std::uint16_t port) {
  return {net::asio::ip::make_address(address), port};
}

class UpstreamResolver : public testing::Test {
 protected:
  net::Addresses resolve(const std::string& host, std::uint16_t port, Duration time = Duration(10'000)) {
    return test::run_on(worker,
                        resolver.resolve(worker.executor(), worker.wheel(), host, port, worker.wheel().after(time)));
  }
  Resolver resolver;
  net::Worker worker{base::system_clock()};
};

TEST_F(UpstreamResolver, addresses_are_taken_as_they_are_without_a_lookup) {
  EXPECT_EQ(resolve("192.0.2.7", 81), net::Addresses{at("192.0.2.7", 81)});
  EXPECT_EQ(resolve("2001:db8::1", 443), net::Addresses{at("2001:db8::1", 443)});
  EXPECT_EQ(resolver.pending(), 0U);
}

TEST_F(UpstreamResolver, a_name_gives_each_of_its_addresses_once) {
  const net::Addresses found = resolve("localhost", 8080);
  ASSERT_FALSE(found.empty());
  for (std::size_t i = 0; i < found.size(); ++i) {
    EXPECT_TRUE(found[i].address().is_loopback());
    EXPECT_EQ(found[i].port(), 8080);
    for (std::size_t k = 0; k < i; ++k) EXPECT_NE(found[i], found[k]);
  }
}

TEST_F(UpstreamResolver, a_name_that_is_none_gives_nothing) {
  EXPECT_TRUE(resolve("nowhere.invalid", 80).empty());
}

// Goal: the deadline ends the wait; what the lookup finds afterwards does no harm. Method: a deadline that has passed.
TEST_F(UpstreamResolver, a_deadline_that_has_passed_ends_the_wait) {
  const auto begun = base::system_clock().now();
  const net::Addresses found = resolve("localhost", 80, Duration(-1'000));
  EXPECT_LT(base::system_clock().now() - begun, Duration(5'000));
  EXPECT_LE(found.size(), 16U);
  for (int turn = 0; turn < 1'000 && resolver.pending() > 0; ++turn) {
    worker.io().restart();
    worker.io().run_one_for(std::chrono::milliseconds(10));
  }
  EXPECT_EQ(resolver.pending(), 0U);
}

class UpstreamAddressBook : public testing::Test {
 protected:
  using Published = std::vector<std::pair<std::uint32_t, net::Addresses>>;

  net::Addresses look_up(const std::shared_ptr<Endpoint>& endpoint) {
    return test::run_on(worker, book.look_up(endpoint, worker.wheel().after(Duration(10'000))));
  }
  static std::shared_ptr<Endpoint> endpoint(const std::string& host, std::uint32_t slot) {
    return std::make_shared<Endpoint>(BackendSpec{"http://" + host, host}, slot);
  }

  net::Worker worker{base::system_clock()};
  Resolver resolver;
  Published published;
  AddressBook book{
      worker.executor(), worker.wheel(), worker.tasks(), resolver,
      [this](std::uint32_t slot, const net::Addresses& addresses) { published.emplace_back(slot, addresses); }};
};

TEST_F(UpstreamAddressBook, addresses_are_published_when_they_change) {
  const auto one = endpoint("192.0.2.1", 0);
  EXPECT_EQ(look_up(one), net::Addresses{at("192.0.2.1", 80)});
  EXPECT_EQ(look_up(one), net::Addresses{at("192.0.2.1", 80)});
  const auto other = endpoint("192.0.2.2", 5);
  EXPECT_EQ(look_up(other), net::Addresses{at("192.0.2.2", 80)});
  EXPECT_EQ(published, (Published{{0, {at("192.0.2.1", 80)}}, {5, {at("192.0.2.2", 80)}}}));
}

TEST_F(UpstreamAddressBook, a_name_that_never_resolved_has_no_address) {
  EXPECT_TRUE(look_up(endpoint("nowhere.invalid", 0)).empty());
  EXPECT_TRUE(published.empty());
}

// Goal: a slot that another endpoint takes over forgets where the first one was, before anything else is known.
TEST_F(UpstreamAddressBook, a_slot_that_is_used_again_publishes_nothing_first) {
  auto gone = endpoint("192.0.2.1", 0);
  EXPECT_EQ(look_up(gone).size(), 1U);
  gone.reset();
  EXPECT_TRUE(look_up(endpoint("nowhere.invalid", 0)).empty());
  EXPECT_EQ(published, (Published{{0, {at("192.0.2.1", 80)}}, {0, {}}}));
}

// Goal: the same where the new endpoint stands at the very place in memory where the old one stood. Method: both are
// built in one block. Found: the new one was taken for the old one, and had its addresses.
TEST_F(UpstreamAddressBook, an_endpoint_at_a_former_ones_place_in_memory_is_another_one) {
  alignas(Endpoint) std::array<std::byte, sizeof(Endpoint)> block;
  const auto build = [&block](const std::string& host) {
    auto* const built = new (block.data()) Endpoint(BackendSpec{"http://" + host, host}, 0);
    return std::shared_ptr<Endpoint>(built, [](Endpoint* endpoint) { endpoint->~Endpoint(); });
  };
  {
    const auto gone = build("192.0.2.1");
    EXPECT_EQ(look_up(gone).size(), 1U);
  }
  EXPECT_TRUE(look_up(build("nowhere.invalid")).empty());
  ASSERT_EQ(published.size(), 2U);
  EXPECT_TRUE(published[1].second.empty());
}

// Goal: connecting has failed: the name is looked up again, once a second at most. Method: an address, whose lookup
// publishes it the first time; then another endpoint in its slot, which makes each further lookup visible.
TEST_F(UpstreamAddressBook, refresh_looks_a_name_up_again_at_most_once_a_second) {
  const auto one = endpoint("localhost", 0);
  for (int i = 0; i < 5; ++i) book.refresh(one);
  EXPECT_EQ(worker.tasks().size(), 1U) << "one lookup for five failures";
  for (int turn = 0; turn < 1'000 && worker.tasks().size() > 0; ++turn) {
    worker.io().restart();
    worker.io().run_one_for(std::chrono::milliseconds(10));
  }
  EXPECT_EQ(worker.tasks().size(), 0U);
  EXPECT_EQ(published.size(), 1U);
  book.refresh(one);
  EXPECT_EQ(worker.tasks().size(), 0U);
}

}  // namespace
}  // namespace lb::upstream
