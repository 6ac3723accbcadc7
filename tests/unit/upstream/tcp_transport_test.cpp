#include "upstream/tcp_transport.hpp"

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
    transport.emplace(make_connector());
    listen(1);
    for (int i = 2; i <= 3; ++i) listen(i);
  }

  C make_connector() {
    if constexpr (kByRing) {
      return C(*worker.ring(), worker.executor(), worker.wheel());
    } else {
      return C(worker.executor(), worker.wheel());
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
  // The last part of the address that the next connection goes to; 0: it failed.
  int connect() {
    auto stream = test::run_on(worker, transport->connect(endpoint, worker.wheel().after(Duration(2'000))));
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
  std::optional<TcpTransport<C>> transport;
  Endpoint endpoint{{"http://name", "name"}, 1};
  std::uint16_t port = 0;
  std::vector<std::pair<int, std::unique_ptr<net::ListenSockets>>> listening;
  std::vector<std::pair<int, int>> descriptors;
  ErrorKind error{};
};

using Connectors = testing::Types<net::TcpConnector, net::RingConnector>;
TYPED_TEST_SUITE(UpstreamTcpTransport, Connectors);

TYPED_TEST(UpstreamTcpTransport, addresses_are_used_in_turn) {
  this->transport->set_addresses(1, {this->address(1), this->address(2), this->address(3)});
  EXPECT_EQ(this->connect_times(7), (std::vector<int>{1, 2, 3, 1, 2, 3, 1}));
}

// Goal: an address that fails costs one attempt, and is the last choice for a while; then it has its turn again.
TYPED_TEST(UpstreamTcpTransport, one_that_fails_is_avoided_for_a_while) {
  this->transport->set_addresses(1, {this->address(1), this->address(9), this->address(2)});
  EXPECT_EQ(this->connect_times(6), (std::vector<int>{1, 2, 2, 1, 2, 2})) << "its turns go to the one behind it";
  // It comes back: nobody notices as long as it is avoided.
  this->listen(9);
  EXPECT_EQ(this->connect_times(3), (std::vector<int>{1, 2, 2}));
  this->clock.turn(base::kAddressAvoided + Duration(10));
  EXPECT_EQ(this->connect_times(3), (std::vector<int>{1, 9, 2}));
}

TYPED_TEST(UpstreamTcpTransport, when_all_are_avoided_all_are_tried) {
  this->transport->set_addresses(1, {this->address(8), this->address(9)});
  EXPECT_EQ(this->connect(), 0);
  EXPECT_EQ(this->error, ErrorKind::connect_refused);
  this->listen(9);
  EXPECT_EQ(this->connect(), 9);
  EXPECT_EQ(this->connect(), 9);
}

TYPED_TEST(UpstreamTcpTransport, a_new_list_takes_effect_and_clears_the_record) {
  this->transport->set_addresses(1, {this->address(8), this->address(1)});
  EXPECT_EQ(this->connect_times(2), (std::vector<int>{1, 1}));
  this->transport->set_addresses(1, {this->address(2), this->address(3)});
  EXPECT_EQ(this->connect_times(3), (std::vector<int>{2, 3, 2}));
  this->listen(8);
  this->transport->set_addresses(1, {this->address(8)});
  EXPECT_EQ(this->connect(), 8);
  this->transport->set_addresses(1, {});
  EXPECT_EQ(this->connect(), 0);
  EXPECT_EQ(this->error, ErrorKind::resolve_failed);
}

// A slot that was never told of, and others' slots.
TYPED_TEST(UpstreamTcpTransport, an_endpoint_without_addresses_fails_at_once) {
  EXPECT_EQ(this->connect(), 0);
  EXPECT_EQ(this->error, ErrorKind::resolve_failed);
  this->transport->set_addresses(0, {this->address(1)});
  this->transport->set_addresses(7, {this->address(2)});
  EXPECT_EQ(this->connect(), 0);
  EXPECT_EQ(this->error, ErrorKind::resolve_failed);
}

// Goal: a list that shrinks while a connection attempt is under way. Method: the attempt is at its first address, which
// refuses, when the list becomes another one.
TYPED_TEST(UpstreamTcpTransport, a_list_may_be_replaced_during_an_attempt) {
  this->transport->set_addresses(1, {this->address(8), this->address(9), this->address(1)});
  std::optional<base::Result<std::unique_ptr<typename TypeParam::Stream>>> result;
  this->worker.tasks().spawn(
      test::keep_result(this->transport->connect(this->endpoint, this->worker.wheel().after(Duration(2'000))), result));
  this->worker.io().poll_one();
  this->transport->set_addresses(1, {this->address(2)});
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
