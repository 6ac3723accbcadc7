#include "upstream/tcp_transport.hpp"

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "base/limits.hpp"
#include "net/listen_sockets.hpp"
#include "net/ring_connector.hpp"
#include "support/cluster.hpp"
#include "support/manual_clock.hpp"
#include "support/on_worker.hpp"

namespace lb::upstream {
namespace {

using base::Duration;
using base::ErrorKind;

// All of 127/8 is this machine: addresses of one name, of which some listen. Time is the test's, for what is avoided.
template <class C>
class UpstreamTcpTransport : public testing::Test {
 protected:
  static constexpr bool kByRing = std::is_same_v<C, net::RingConnector>;

  void SetUp() override {
    if (kByRing && worker.ring() == nullptr) GTEST_SKIP() << "no io_uring here";
    transport.emplace(make_connector(), &cluster);
    listen(1);
    for (int i = 2; i <= 3; ++i) listen(i);
  }

  std::unique_ptr<net::Connector> make_connector() {
    if constexpr (kByRing) {
      return std::make_unique<C>(*worker.ring(), worker.executor(), worker.wheel());
    } else {
      return std::make_unique<C>(worker.executor(), worker.wheel());
    }
  }

  // Listens on 127.0.0.<last>, on the port of the first one.
  void listen(int last) {
    auto sockets = net::ListenSockets::open("127.0.0." + std::to_string(last), port, 1);
    ASSERT_TRUE(sockets) << sockets.error();
    port = sockets->local().port();
    listening.emplace_back(last, std::make_unique<net::ListenSockets>(std::move(*sockets)));
  }
  net::Tcp::endpoint address(int last) const {
    return {net::asio::ip::make_address("127.0.0." + std::to_string(last)), port};
  }
  // The set that a name has from now on; addresses that stay are the same.
  void set_addresses(std::uint32_t slot, const std::vector<int>& lasts) {
    auto set = std::make_shared<AddressSet>();
    for (const int last : lasts) {
      auto& known = addresses[last];
      if (!known) known = std::make_shared<Address>(static_cast<std::uint32_t>(last), address(last));
      set->list.push_back(known);
    }
    transport->set_addresses(slot, std::move(set));
  }
  // The last part of the address that the next connection goes to; 0: it failed.
  int connect(std::uint32_t but_not = 0) {
    choice = transport->choose(endpoint, but_not);
    auto stream = test::run_on(worker, transport->connect(endpoint, choice, worker.wheel().after(Duration(2'000)), {}));
    if (!stream) {
      error = stream.error().kind;
      return 0;
    }
    for (auto& [last, sockets] : listening) {
      const int descriptor = descriptor_of(last);
      const int accepted = ::accept(descriptor, nullptr, nullptr);
      if (accepted >= 0) {
        ::close(accepted);
        return last;
      }
    }
    return -1;
  }
  std::vector<int> connect_times(int count) {
    std::vector<int> seen;
    for (int i = 0; i < count; ++i) seen.push_back(connect());
    return seen;
  }

  // Each listener's descriptor is taken out once; it stays open with the test.
  int descriptor_of(int last) {
    for (auto& [which, descriptor] : descriptors) {
      if (which == last) return descriptor;
    }
    for (auto& [which, sockets] : listening) {
      if (which == last) {
        descriptors.emplace_back(last, sockets->release(0));
        return descriptors.back().second;
      }
    }
    return -1;
  }

  ~UpstreamTcpTransport() override {
    for (const auto& [last, descriptor] : descriptors) ::close(descriptor);
  }

  test::ManualClock clock;
  net::Worker worker{clock, kByRing ? test::enabled_ring() : nullptr};
  test::Cluster cluster{{{"http://name", "name"}}, {}};
  std::optional<TcpTransport> transport;
  Endpoint endpoint{{"http://name", "name"}, 1};
  std::map<int, AddressPtr> addresses;
  AddressChoice choice;
  std::uint16_t port = 0;
  std::vector<std::pair<int, std::unique_ptr<net::ListenSockets>>> listening;
  std::vector<std::pair<int, int>> descriptors;
  ErrorKind error{};
};

using Connectors = testing::Types<net::TcpConnector, net::RingConnector>;
TYPED_TEST_SUITE(UpstreamTcpTransport, Connectors);

TYPED_TEST(UpstreamTcpTransport, addresses_are_used_in_turn) {
  this->set_addresses(1, {1, 2, 3});
  EXPECT_EQ(this->connect_times(7), (std::vector<int>{1, 2, 3, 1, 2, 3, 1}));
}

// Goal: an address that fails costs one attempt, and is the last choice for a while; then it has its turn again.
TYPED_TEST(UpstreamTcpTransport, one_that_fails_is_avoided_for_a_while) {
  this->set_addresses(1, {1, 9, 2});
  EXPECT_EQ(this->connect_times(6), (std::vector<int>{1, 1, 1, 2, 1, 2})) << "the others share its turns";
  // It comes back: nobody notices as long as it is avoided.
  this->listen(9);
  EXPECT_EQ(this->connect_times(3), (std::vector<int>{1, 2, 1}));
  this->clock.turn(base::kAddressAvoided + Duration(10));
  EXPECT_EQ(this->connect_times(3), (std::vector<int>{1, 9, 2}));
}

// Goal: the turn is one for all workers: three sequential requests reach three addresses, whoever serves them.
TYPED_TEST(UpstreamTcpTransport, workers_share_the_turns) {
  this->set_addresses(1, {1, 2, 3});
  TcpTransport other(this->make_connector());
  auto set = std::make_shared<AddressSet>();
  set->list = {this->addresses[1], this->addresses[2], this->addresses[3]};
  this->transport->set_addresses(1, set);
  other.set_addresses(1, set);
  std::vector<std::uint32_t> ids;
  for (int i = 0; i < 3; ++i) {
    ids.push_back(this->transport->choose(this->endpoint, 0).id);
    ids.push_back(other.choose(this->endpoint, 0).id);
  }
  EXPECT_EQ(ids, (std::vector<std::uint32_t>{1, 2, 3, 1, 2, 3}));
}

TYPED_TEST(UpstreamTcpTransport, one_that_is_out_has_no_turn_while_others_are_well) {
  this->set_addresses(1, {1, 2, 3});
  this->addresses[2]->out = true;
  EXPECT_EQ(this->connect_times(4), (std::vector<int>{1, 3, 1, 3}));
  this->addresses[1]->out = this->addresses[3]->out = true;
  EXPECT_EQ(this->connect_times(3), (std::vector<int>{2, 3, 1})) << "the last resort";
}

// Goal: what has failed at one address is tried at another one; at the same, where there is no other.
TYPED_TEST(UpstreamTcpTransport, the_one_that_failed_last_is_not_chosen_again) {
  this->set_addresses(1, {1, 2});
  EXPECT_EQ(this->connect(), 1);
  EXPECT_EQ(this->connect(2), 1);
  EXPECT_EQ(this->connect(2), 1);
  this->set_addresses(1, {2});
  EXPECT_EQ(this->connect(2), 2);
}

// Goal: three failed connects in a row take an address out; what is said of the choice is what was reached.
TYPED_TEST(UpstreamTcpTransport, one_that_cannot_be_reached_is_out_after_three_times) {
  this->set_addresses(1, {9, 1});
  for (int i = 0; i < 3; ++i) {
    EXPECT_FALSE(this->addresses[9]->out);
    this->clock.turn(base::kAddressAvoided + Duration(10));
    EXPECT_EQ(this->connect_times(2), (std::vector<int>{1, 1}));
    EXPECT_EQ(this->choice.id, 1U);
  }
  EXPECT_TRUE(this->addresses[9]->out);
}

TYPED_TEST(UpstreamTcpTransport, an_endpoint_with_one_address_has_no_choice) {
  this->set_addresses(1, {1});
  const AddressChoice only = this->transport->choose(this->endpoint, 0);
  EXPECT_EQ(only.id, 1U);
  EXPECT_EQ(only.address, nullptr);
  EXPECT_EQ(this->transport->addresses(this->endpoint), nullptr);
  EXPECT_TRUE(this->transport->has(this->endpoint, 1));
  EXPECT_FALSE(this->transport->has(this->endpoint, 2));
}

TYPED_TEST(UpstreamTcpTransport, when_all_are_avoided_all_are_tried) {
  this->set_addresses(1, {8, 9});
  EXPECT_EQ(this->connect(), 0);
  EXPECT_EQ(this->error, ErrorKind::connect_refused);
  this->listen(9);
  EXPECT_EQ(this->connect(), 9);
  EXPECT_EQ(this->connect(), 9);
}

TYPED_TEST(UpstreamTcpTransport, a_new_list_takes_effect_and_clears_the_record) {
  this->set_addresses(1, {8, 1});
  EXPECT_EQ(this->connect_times(2), (std::vector<int>{1, 1}));
  this->set_addresses(1, {2, 3});
  EXPECT_EQ(this->connect_times(3), (std::vector<int>{2, 3, 2}));
  this->listen(8);
  this->set_addresses(1, {8});
  EXPECT_EQ(this->connect(), 8);
  this->set_addresses(1, {});
  EXPECT_EQ(this->connect(), 0);
  EXPECT_EQ(this->error, ErrorKind::resolve_failed);
}

// A slot that was never told of, and others' slots.
TYPED_TEST(UpstreamTcpTransport, an_endpoint_without_addresses_fails_at_once) {
  EXPECT_EQ(this->connect(), 0);
  EXPECT_EQ(this->error, ErrorKind::resolve_failed);
  this->set_addresses(0, {1});
  this->set_addresses(7, {2});
  EXPECT_EQ(this->connect(), 0);
  EXPECT_EQ(this->error, ErrorKind::resolve_failed);
}

// Goal: a list that shrinks while a connection attempt is under way. Method: the attempt is at its first address, which
// refuses, when the list becomes another one.
TYPED_TEST(UpstreamTcpTransport, a_list_may_be_replaced_during_an_attempt) {
  this->set_addresses(1, {8, 9, 1});
  std::optional<base::Result<net::StreamPtr>> result;
  AddressChoice chosen = this->transport->choose(this->endpoint, 0);
  this->worker.tasks().spawn(test::keep_result(
      this->transport->connect(this->endpoint, chosen, this->worker.wheel().after(Duration(2'000)), {}), result));
  this->worker.io().poll_one();
  this->set_addresses(1, {2});
  for (int turn = 0; !result && turn < 1'000; ++turn) test::turn_loop(this->worker);
  ASSERT_TRUE(result);
  EXPECT_TRUE(result->has_value()) << "the attempt went on with the addresses it had";
  result.reset();
  const int accepted = ::accept(this->descriptor_of(1), nullptr, nullptr);
  EXPECT_GE(accepted, 0);
  ::close(accepted);
  EXPECT_EQ(this->connect_times(2), (std::vector<int>{2, 2}));
}

}  // namespace
}  // namespace lb::upstream
