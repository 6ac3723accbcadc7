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
#include "net/listener.hpp"
#include "support/manual_clock.hpp"
#include "support/on_worker.hpp"

namespace lb::upstream {
namespace {

using base::Duration;
using base::ErrorKind;

// All of 127/8 is this machine: addresses of one name, of which some listen. Time is the test's, for what is avoided.
class UpstreamTcpTransport : public testing::Test {
 protected:
  UpstreamTcpTransport() {
    listen(1);
    for (int i = 2; i <= 3; ++i) listen(i);
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
    auto stream = test::run_on(worker, transport.connect(endpoint, worker.wheel().after(Duration(2'000))));
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
  net::Worker worker{clock};
  TcpTransport transport{worker.executor(), worker.wheel()};
  Endpoint endpoint{{"http://name", "name"}, 1};
  std::uint16_t port = 0;
  std::vector<std::pair<int, std::unique_ptr<net::ListenSockets>>> listening;
  std::vector<std::pair<int, int>> descriptors;
  ErrorKind error{};
};

TEST_F(UpstreamTcpTransport, addresses_are_used_in_turn) {
  transport.set_addresses(1, {address(1), address(2), address(3)});
  EXPECT_EQ(connect_times(7), (std::vector<int>{1, 2, 3, 1, 2, 3, 1}));
}

// Goal: an address that fails costs one attempt, and is the last choice for a while; then it has its turn again.
TEST_F(UpstreamTcpTransport, one_that_fails_is_avoided_for_a_while) {
  transport.set_addresses(1, {address(1), address(9), address(2)});
  EXPECT_EQ(connect_times(6), (std::vector<int>{1, 2, 2, 1, 2, 2})) << "its turns go to the one behind it";
  // It comes back: nobody notices as long as it is avoided.
  listen(9);
  EXPECT_EQ(connect_times(3), (std::vector<int>{1, 2, 2}));
  clock.turn(base::kAddressAvoided + Duration(10));
  EXPECT_EQ(connect_times(3), (std::vector<int>{1, 9, 2}));
}

TEST_F(UpstreamTcpTransport, when_all_are_avoided_all_are_tried) {
  transport.set_addresses(1, {address(8), address(9)});
  EXPECT_EQ(connect(), 0);
  EXPECT_EQ(error, ErrorKind::connect_refused);
  listen(9);
  EXPECT_EQ(connect(), 9);
  EXPECT_EQ(connect(), 9);
}

TEST_F(UpstreamTcpTransport, a_new_list_takes_effect_and_clears_the_record) {
  transport.set_addresses(1, {address(8), address(1)});
  EXPECT_EQ(connect_times(2), (std::vector<int>{1, 1}));
  transport.set_addresses(1, {address(2), address(3)});
  EXPECT_EQ(connect_times(3), (std::vector<int>{2, 3, 2}));
  listen(8);
  transport.set_addresses(1, {address(8)});
  EXPECT_EQ(connect(), 8);
  transport.set_addresses(1, {});
  EXPECT_EQ(connect(), 0);
  EXPECT_EQ(error, ErrorKind::resolve_failed);
}

// A slot that was never told of, and others' slots.
TEST_F(UpstreamTcpTransport, an_endpoint_without_addresses_fails_at_once) {
  EXPECT_EQ(connect(), 0);
  EXPECT_EQ(error, ErrorKind::resolve_failed);
  transport.set_addresses(0, {address(1)});
  transport.set_addresses(7, {address(2)});
  EXPECT_EQ(connect(), 0);
  EXPECT_EQ(error, ErrorKind::resolve_failed);
}

// Goal: a list that shrinks while a connection attempt is under way. Method: the attempt is at its first address, which
// refuses, when the list becomes another one.
TEST_F(UpstreamTcpTransport, a_list_may_be_replaced_during_an_attempt) {
  transport.set_addresses(1, {address(8), address(9), address(1)});
  std::optional<base::Result<std::unique_ptr<net::TcpStream>>> result;
  worker.tasks().spawn(test::keep_result(transport.connect(endpoint, worker.wheel().after(Duration(2'000))), result));
  worker.io().poll_one();
  transport.set_addresses(1, {address(2)});
  for (int turn = 0; !result && turn < 1'000; ++turn) {
    worker.io().restart();
    worker.io().run_one_for(std::chrono::milliseconds(10));
  }
  ASSERT_TRUE(result);
  EXPECT_TRUE(result->has_value()) << "the attempt went on with the addresses it had";
  result.reset();
  const int accepted = ::accept(descriptor_of(1), nullptr, nullptr);
  EXPECT_GE(accepted, 0);
  ::close(accepted);
  EXPECT_EQ(connect_times(2), (std::vector<int>{2, 2}));
}

}  // namespace
}  // namespace lb::upstream
