#include "net/listener.hpp"

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <unistd.h>
#include <vector>

#include <boost/asio/ip/tcp.hpp>
#include <gtest/gtest.h>

#include "base/clock.hpp"
#include "net/listen_sockets.hpp"
#include "net/ring_acceptor.hpp"
#include "net/tcp_acceptor.hpp"
#include "support/on_worker.hpp"

namespace lb::net {
namespace {

using Plain = asio::ip::tcp::socket;

bool connects(asio::io_context& io, const std::string& address, std::uint16_t port) {
  Plain socket(io);
  boost::system::error_code code;
  socket.connect({asio::ip::make_address(address), port}, code);
  return !code;
}

TEST(NetListenSockets, several_sockets_share_one_free_port) {
  const auto sockets = ListenSockets::open("127.0.0.1", 0, 4);
  ASSERT_TRUE(sockets) << sockets.error();
  EXPECT_EQ(sockets->size(), 4U);
  EXPECT_NE(sockets->local().port(), 0);
  EXPECT_EQ(sockets->local().address(), asio::ip::address_v4::loopback());
  asio::io_context io;
  EXPECT_TRUE(connects(io, "127.0.0.1", sockets->local().port()));
}

// Goal: two instances never share a port by accident, although the sockets of one do.
TEST(NetListenSockets, a_second_instance_on_the_port_is_refused_with_one_socket_or_several) {
  for (const std::string address : {"127.0.0.1", "::", "0.0.0.0"}) {
    for (const std::size_t first_count : {1U, 4U}) {
      const auto first = ListenSockets::open(address, 0, first_count);
      ASSERT_TRUE(first) << first.error();
      const std::uint16_t port = first->local().port();
      for (const std::size_t second_count : {1U, 4U}) {
        const auto second = ListenSockets::open(address, port, second_count);
        ASSERT_FALSE(second) << address << " " << first_count << " " << second_count;
        EXPECT_NE(second.error().find("another program uses this port"), std::string::npos) << second.error();
        EXPECT_NE(second.error().find(std::to_string(port)), std::string::npos) << second.error();
      }
    }
  }
}

TEST(NetListenSockets, the_port_is_free_again_once_the_sockets_are_gone) {
  std::uint16_t port = 0;
  asio::io_context io;
  {
    const auto sockets = ListenSockets::open("127.0.0.1", 0, 2);
    ASSERT_TRUE(sockets);
    port = sockets->local().port();
    EXPECT_TRUE(connects(io, "127.0.0.1", port));
  }
  EXPECT_FALSE(connects(io, "127.0.0.1", port));
  EXPECT_TRUE(ListenSockets::open("127.0.0.1", port, 2));
}

TEST(NetListenSockets, every_address_takes_ipv4_too) {
  const auto sockets = ListenSockets::open("::", 0, 2);
  ASSERT_TRUE(sockets) << sockets.error();
  asio::io_context io;
  EXPECT_TRUE(connects(io, "127.0.0.1", sockets->local().port()));
  // A host can have IPv6 sockets without having the address ::1, as containers often do.
  if (sockets->local().address().is_v6() && ListenSockets::open("::1", 0, 1)) {
    EXPECT_TRUE(connects(io, "::1", sockets->local().port()));
  }
}

TEST(NetListenSockets, what_cannot_be_listened_on_is_said_in_a_sentence) {
  const auto name = ListenSockets::open("localhost", 0, 1);
  ASSERT_FALSE(name);
  EXPECT_EQ(name.error(), "\"localhost\" is not an IP address to listen on");
  const auto foreign = ListenSockets::open("192.0.2.1", 0, 1);  // TEST-NET-1: nobody has it
  ASSERT_FALSE(foreign);
  EXPECT_NE(foreign.error().find("this machine has no such address"), std::string::npos) << foreign.error();
}

TEST(NetListenSockets, a_released_descriptor_is_the_callers) {
  auto sockets = ListenSockets::open("127.0.0.1", 0, 2);
  ASSERT_TRUE(sockets);
  const int descriptor = sockets->release(1);
  EXPECT_GE(descriptor, 0);
  EXPECT_EQ(sockets->release(1), -1);
  EXPECT_EQ(::close(descriptor), 0);
}

template <class A>
class NetListener : public testing::Test {
 protected:
  void SetUp() override {
    if (std::is_same_v<A, RingAcceptor> && worker.ring() == nullptr) GTEST_SKIP() << "no io_uring here";
    auto sockets = ListenSockets::open("127.0.0.1", 0, 1);
    port = sockets->local().port();
    listener.emplace(
        worker, std::make_unique<A>(worker, sockets->release(0)), [] { return true; },
        [this](StreamPtr stream, const Tcp::endpoint& peer) {
          EXPECT_EQ(peer.address(), asio::ip::address_v4::loopback());
          accepted.push_back(std::move(stream));
        });
    worker.release();
  }
  void until(const std::function<bool()>& holds) {
    for (int round = 0; !holds() && round < 500; ++round) test::turn_loop(worker);
    EXPECT_TRUE(holds());
  }

  Worker worker{base::system_clock(), std::is_same_v<A, RingAcceptor> ? test::enabled_ring() : nullptr};
  std::vector<StreamPtr> accepted;
  std::optional<Listener> listener;
  std::uint16_t port = 0;
  asio::io_context clients;
};

using Acceptors = testing::Types<TcpAcceptor, RingAcceptor>;
TYPED_TEST_SUITE(NetListener, Acceptors);

TYPED_TEST(NetListener, connections_are_accepted_until_it_stops) {
  this->listener->start();
  for (std::size_t i = 1; i <= 3; ++i) {
    EXPECT_TRUE(connects(this->clients, "127.0.0.1", this->port));
    this->until([&] { return this->accepted.size() == i; });
  }
  this->listener->stop();
  this->until([this] { return this->worker.tasks().size() == 0; });
  EXPECT_FALSE(connects(this->clients, "127.0.0.1", this->port));
}

// Closing a listening socket resets the connections in its queue: this->clients that were connected already.
TYPED_TEST(NetListener, connections_that_wait_in_the_queue_are_taken_in_when_it_stops) {
  this->listener->start();
  std::vector<Plain> queued;
  for (int i = 0; i < 5; ++i) {
    queued.emplace_back(this->clients);
    queued.back().connect({asio::ip::address_v4::loopback(), this->port});
  }
  this->listener->stop();
  this->until([this] { return this->accepted.size() == 5U; });
  this->until([this] { return this->worker.tasks().size() == 0; });
}

}  // namespace
}  // namespace lb::net
