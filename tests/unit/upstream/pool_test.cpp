#include "upstream/pool.hpp"

#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "support/memory_stream.hpp"
#include "support/memory_transport.hpp"

namespace lb::upstream {
namespace {

using base::Duration;
using test::MemoryStream;
using test::World;
using Connection = http1::ClientConnection;

class UpstreamPool : public testing::Test {
 protected:
  // A connection to be kept; its far end is far.back().
  std::unique_ptr<Connection> made() {
    auto pair = MemoryStream::connected(world, base::Side::upstream, {});
    far.push_back(std::move(pair.second));
    return std::make_unique<Connection>(std::move(pair.first), states);
  }
  void put(const Endpoint& endpoint, std::unique_ptr<Connection> connection, std::uint32_t address = 0) {
    pool.put(endpoint, std::move(connection), address, pool_settings);
  }
  // Whether the far end of the connection made as number `i` sees it closed.
  [[nodiscard]] bool is_closed(std::size_t i) const { return far[i]->peer_end().has_value(); }

  World world;
  http1::Settings settings;
  http1::ResponseStates states{world.blocks, settings};
  std::vector<std::unique_ptr<MemoryStream>> far;
  const Endpoint first{{"http://a", "a"}, 0};
  const Endpoint second{{"http://b", "b"}, 1};
  const PoolSettings pool_settings{3, Duration(30'000)};
  Pool pool{world.wheel};
};

TEST_F(UpstreamPool, the_connection_that_idled_last_comes_first) {
  EXPECT_EQ(pool.take(first), nullptr);
  auto one = made();
  auto two = made();
  Connection* const first_address = one.get();
  Connection* const second_address = two.get();
  put(first, std::move(one));
  put(first, std::move(two));
  EXPECT_EQ(pool.idle_count(first), 2U);
  const auto taken = pool.take(first);
  EXPECT_EQ(taken.get(), second_address);
  const auto other = pool.take(first);
  EXPECT_EQ(other.get(), first_address);
  EXPECT_EQ(pool.take(first), nullptr);
}

TEST_F(UpstreamPool, each_endpoint_has_its_own_connections) {
  put(first, made());
  EXPECT_EQ(pool.take(second), nullptr);
  EXPECT_NE(pool.take(first), nullptr);
}

TEST_F(UpstreamPool, each_address_of_an_endpoint_has_its_own_connections) {
  put(first, made(), 1);
  put(first, made(), 2);
  put(first, made(), 2);
  EXPECT_EQ(pool.idle_count(first), 3U);
  put(first, made(), 1);
  EXPECT_TRUE(is_closed(3)) << "the cap is for the endpoint";
  EXPECT_EQ(pool.take(first, Look::at_the_socket, 3), nullptr);
  EXPECT_NE(pool.take(first, Look::at_the_socket, 1), nullptr);
  EXPECT_EQ(pool.take(first, Look::at_the_socket, 1), nullptr);
  EXPECT_EQ(pool.idle_count(first), 2U);
}

// Goal: connections to an address that a name has left are closed; those of other addresses and endpoints stay.
TEST_F(UpstreamPool, connections_to_an_address_that_is_gone_are_closed) {
  put(first, made(), 1);
  put(first, made(), 2);
  put(second, made(), 1);
  AddressSet left;
  left.list.push_back(std::make_shared<Address>(2, net::Tcp::endpoint()));
  pool.keep_only(first.slot(), left);
  pool.keep_only(7, left);
  EXPECT_TRUE(is_closed(0));
  EXPECT_FALSE(is_closed(1));
  EXPECT_FALSE(is_closed(2));
}

TEST_F(UpstreamPool, one_that_the_backend_has_closed_is_discarded) {
  put(first, made());
  put(first, made());
  put(first, made());
  far[1]->abort();
  far[2]->close();
  const auto taken = pool.take(first);
  ASSERT_NE(taken, nullptr);
  EXPECT_FALSE(is_closed(0));
  EXPECT_EQ(pool.idle_count(first), 0U);
}

// A 408, or a leftover of another answer, must not become the answer to the next request.
TEST_F(UpstreamPool, one_with_bytes_on_it_is_discarded) {
  put(first, made());
  EXPECT_EQ(far[0]->put("HTTP/1.1 408 Request Timeout\r\n\r\n"), 32U);
  EXPECT_EQ(pool.take(first), nullptr);
  EXPECT_TRUE(is_closed(0));
}

TEST_F(UpstreamPool, more_than_the_cap_are_closed) {
  for (int i = 0; i < 5; ++i) put(first, made());
  EXPECT_EQ(pool.idle_count(first), 3U);
  EXPECT_TRUE(is_closed(3));
  EXPECT_TRUE(is_closed(4));
  put(second, made());
  EXPECT_EQ(pool.idle_count(second), 1U) << "the cap is for each endpoint";
}

TEST_F(UpstreamPool, one_that_idled_too_long_is_not_used) {
  put(first, made());
  world.clock.turn(Duration(30'000));
  EXPECT_EQ(pool.take(first), nullptr) << "whether the sweep has come by or not";
  EXPECT_TRUE(is_closed(0));
}

TEST_F(UpstreamPool, idle_connections_are_closed_by_the_sweep) {
  put(first, made());
  world.pass(Duration(20'000));
  put(second, made());
  world.pass(Duration(9'980));
  EXPECT_FALSE(is_closed(0));
  world.pass(Duration(40));
  EXPECT_TRUE(is_closed(0));
  EXPECT_EQ(pool.idle_count(first), 0U);
  EXPECT_FALSE(is_closed(1));
  world.pass(Duration(35'000));
  EXPECT_TRUE(is_closed(1));
  EXPECT_TRUE(world.wheel.empty()) << "no timer without idle connections";
  put(first, made());
  world.pass(Duration(45'020));
  EXPECT_TRUE(is_closed(2)) << "the sweep starts again";
}

// Goal: another timeout holds for what idles already. Before: an old connection that was to idle for longer was offered
// when its backend had long closed it, and kept those behind it from being closed.
TEST_F(UpstreamPool, a_shorter_timeout_holds_for_those_that_idle_already) {
  put(first, made());
  pool.configure(first, {3, Duration(4'000)});
  pool.put(first, made(), 0, {3, Duration(4'000)});
  world.pass(Duration(3'980));
  EXPECT_EQ(pool.idle_count(first), 2U);
  world.pass(Duration(300));
  EXPECT_TRUE(is_closed(0));
  EXPECT_TRUE(is_closed(1));
  EXPECT_TRUE(world.wheel.empty());
}

TEST_F(UpstreamPool, a_closed_pool_keeps_nothing) {
  put(first, made());
  pool.close();
  EXPECT_TRUE(is_closed(0));
  put(first, made());
  EXPECT_TRUE(is_closed(1));
  EXPECT_EQ(pool.take(first), nullptr);
}

TEST_F(UpstreamPool, a_cap_of_zero_keeps_nothing) {
  const PoolSettings nothing{0, Duration(1'000)};
  Pool none(world.wheel);
  none.put(first, made(), 0, nothing);
  EXPECT_TRUE(is_closed(0));
}

}  // namespace
}  // namespace lb::upstream
