// What only the streams by io_uring have: buffers that all of a worker share. The rest is in socket_stream_test.cpp.
#include "net/ring_stream.hpp"

#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <gtest/gtest.h>

#include "unit/net/socket_stream.hpp"

namespace lb::net {
namespace {

using base::Duration;

// Goal: more connections receive at the same time than the ring has buffers; those that find none still get their
// bytes.
TEST(NetRingStream, more_connections_than_buffers) {
  std::string problem;
  const auto ring = Ring::open(problem);
  if (!ring) GTEST_SKIP() << "no io_uring here: " << problem;
  ring->enable();
  test::World world;
  asio::ip::tcp::acceptor acceptor(world.io, {asio::ip::address_v4::loopback(), 0});
  constexpr std::size_t kConnections = 200;
  std::vector<asio::ip::tcp::socket> peers;
  std::vector<std::unique_ptr<RingStream>> streams;
  for (std::size_t i = 0; i < kConnections; ++i) {
    TcpSocket socket(world.io.get_executor());
    socket.connect(acceptor.local_endpoint());
    peers.push_back(acceptor.accept());
    streams.push_back(std::make_unique<RingStream>(*ring, world.io.get_executor(), world.wheel, socket.release(),
                                                   base::Side::upstream));
    streams.back()->read_ahead();
  }
  ring->turn(Duration(0));
  for (auto& peer : peers) asio::write(peer, asio::buffer("hello", 5));
  // None of them is read before all have arrived.
  for (int turns = 0; turns < 20; ++turns) ring->turn(Duration(1));
  for (auto& stream : streams) EXPECT_EQ(stream->noticed(), Probe::readable) << "with a buffer or without";
  std::size_t right = 0;
  const auto read = [&](RingStream& stream) -> Awaitable<void> {
    std::array<char, 16> into{};
    test::PlainBuffer buffer(into);
    const auto bytes = co_await stream.read_some(buffer, base::kNever);
    if (bytes && std::string_view(into.data(), *bytes) == "hello") ++right;
  };
  for (auto& stream : streams) world.tasks.spawn(read(*stream));
  for (int turns = 0; turns < 500 && right < kConnections; ++turns) {
    world.run();
    ring->turn(Duration(10));
  }
  EXPECT_EQ(right, kConnections);
  streams.clear();
  for (int turns = 0; turns < 100 && ring->pending() > 0; ++turns) ring->turn(Duration(10));
  EXPECT_EQ(ring->pending(), 0U) << "every descriptor is closed";
  world.run();
}

using NetRingStreamThatLooks = NetSocketStream<RingStreamThatLooks>;

// Goal: after a large message, the next one takes one read, and none of the ring's buffers.
TEST_F(NetRingStreamThatLooks, reads_the_next_message_in_one_piece) {
  const std::string message(3 * Ring::kBufferBytes, 'y');
  asio::write(*peer, asio::buffer(message));
  until([this] { return stream->noticed() == Probe::readable; });
  std::vector<char> into(2 * message.size());
  std::size_t come = 0;
  const auto reader = [&]() -> Awaitable<void> {
    test::PlainBuffer buffer(into);
    const auto bytes = co_await stream->read_some(buffer, base::kNever);
    come = bytes ? *bytes : 0;
  };
  start(reader());
  EXPECT_EQ(come, message.size());
  EXPECT_FALSE(stream->more_at_hand());
}

// Goal: a message that just fills the buffer is not taken for the beginning of more, nor a connection that has had it
// for one on which something came unasked.
TEST_F(NetRingStreamThatLooks, is_quiet_after_a_message_that_fills_the_buffer) {
  asio::write(*peer, asio::buffer(std::string(room.size(), 'y')));
  until([this] { return stream->noticed() == Probe::readable; });
  start(read(base::kNever));
  until([this] { return read_done; });
  EXPECT_EQ(text.size(), room.size());
  stream->read_ahead();
  EXPECT_EQ(stream->noticed(), Probe::quiet);
}

// Goal: a message that was small ends that.
TEST_F(NetRingStreamThatLooks, reads_ahead_again_after_a_small_message) {
  for (int message = 0; message < 2; ++message) {
    asio::write(*peer, asio::buffer("hello", 5));
    until([this] { return stream->noticed() == Probe::readable; });
    read_done = false;
    start(read(base::kNever));
    until([this] { return read_done; });
    EXPECT_EQ(stream->probe(), Probe::quiet);
    stream->read_ahead();
  }
  asio::write(*peer, asio::buffer("hello", 5));
  until([this] { return stream->noticed() == Probe::readable; });
  std::array<char, 5> in_the_socket{};
  EXPECT_LT(::recv(descriptor, in_the_socket.data(), in_the_socket.size(), MSG_PEEK | MSG_DONTWAIT), 0);
}

}  // namespace
}  // namespace lb::net
