// A Stream over a real connection on this machine, of either kind. Timeouts are the wheel's, whose clock is turned by
// hand; what needs the kernel is waited for in the event loop, with a bound.
#pragma once

#include <array>
#include <chrono>
#include <csignal>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <gtest/gtest.h>

#include "net/ring_stream.hpp"
#include "net/task_group.hpp"
#include "net/tcp_stream.hpp"
#include "support/memory_stream.hpp"
#include "support/plain_buffer.hpp"

namespace lb::net {

using base::Duration;
using base::ErrorKind;

// One kind of stream, and the loop that carries it.
template <class S>
struct Carrier;

template <>
struct Carrier<TcpStream> {
  std::unique_ptr<TcpStream> adopt(TcpSocket socket, test::World& world, base::Side side = base::Side::upstream) {
    return std::make_unique<TcpStream>(std::move(socket), world.wheel, side);
  }
  void turn(test::World& world) {
    world.io.restart();
    world.io.run_one_for(std::chrono::milliseconds(10));
  }
  void run(test::World& world) { world.run(); }
};

template <>
struct Carrier<RingStream> {
  std::unique_ptr<RingStream> adopt(TcpSocket socket, test::World& world, base::Side side = base::Side::upstream) {
    if (!std::exchange(enabled, true)) ring->enable();
    return std::make_unique<RingStream>(*ring, world.io.get_executor(), world.wheel, socket.release(), side);
  }
  void turn(test::World& world) {
    world.run();
    ring->turn(Duration(10));
  }
  void run(test::World& world) {
    for (int turns = 0; turns < 3; ++turns) {
      world.run();
      ring->turn(Duration(0));
    }
    world.run();
  }
  std::string problem;
  std::unique_ptr<Ring> ring = Ring::open(problem);
  bool enabled = false;
};

// One whose last message was a large one: it looks for the next before it reads.
class RingStreamThatLooks final : public RingStream {
 public:
  using RingStream::RingStream;
};

template <>
struct Carrier<RingStreamThatLooks> : Carrier<RingStream> {
  std::unique_ptr<RingStreamThatLooks> adopt(TcpSocket socket, test::World& world,
                                             base::Side side = base::Side::upstream) {
    if (!std::exchange(enabled, true)) ring->enable();
    return std::make_unique<RingStreamThatLooks>(*ring, world.io.get_executor(), world.wheel, socket.release(), side);
  }
};

template <class S>
class NetSocketStream : public testing::Test {
 protected:
  void SetUp() override {
    if constexpr (std::is_base_of_v<RingStream, S>) {
      if (!carrier.ring) GTEST_SKIP() << "no io_uring here: " << carrier.problem;
    }
    std::signal(SIGPIPE, SIG_IGN);  // as the program does
    asio::ip::tcp::acceptor acceptor(world.io, {asio::ip::address_v4::loopback(), 0});
    TcpSocket socket(world.io.get_executor());
    socket.connect(acceptor.local_endpoint());
    peer.emplace(acceptor.accept());
    descriptor = socket.native_handle();
    stream = carrier.adopt(std::move(socket), world);
    if constexpr (std::is_same_v<S, RingStreamThatLooks>) receive_a_large_message();
  }
  void TearDown() override {
    if (!stream) return;
    stream->close();
    until([this] { return world.tasks.size() == 0; });
    stream.reset();
    carrier.run(world);
  }

  void receive_a_large_message() {
    const std::string message(3 * Ring::kBufferBytes, 'x');
    asio::write(*peer, asio::buffer(message));
    std::vector<char> into(message.size());
    std::size_t come = 0;
    const auto reader = [&]() -> Awaitable<void> {
      test::PlainBuffer buffer(into);
      while (come < message.size()) {
        const auto bytes = co_await stream->read_some(buffer, base::kNever);
        come += bytes ? *bytes : message.size();
      }
    };
    start(reader());
    until([&] { return come == message.size(); });
    stream->read_ahead();
  }

  // Runs the loop until something holds; the bound is for tests that fail.
  void until(const std::function<bool()>& holds) {
    for (int round = 0; !holds() && round < 500; ++round) {
      carrier.turn(world);
    }
    EXPECT_TRUE(holds());
  }

  Awaitable<void> read(base::Deadline deadline) {
    read_result.reset();
    test::PlainBuffer into(room);
    const auto bytes = co_await stream->read_some(into, deadline);
    if (bytes) text.append(room.data(), *bytes);
    read_result = bytes ? std::optional<ErrorKind>() : bytes.error().kind;
    read_side = bytes ? base::Side::upstream : bytes.error().side;
    read_done = true;
  }
  Awaitable<void> wait_readable(base::Deadline deadline) {
    const auto waited = co_await stream->wait_readable(deadline);
    read_result = waited ? std::optional<ErrorKind>() : waited.error().kind;
    read_done = true;
  }
  Awaitable<void> write(std::string_view bytes, Duration idle) {
    BufferList buffers;
    buffers.emplace_back(bytes.data(), bytes.size() / 2);
    buffers.emplace_back(bytes.data() + bytes.size() / 2, bytes.size() - bytes.size() / 2);
    const auto written = co_await stream->write(buffers, idle);
    write_result = written ? std::optional<ErrorKind>() : written.error().kind;
    write_done = true;
  }
  Awaitable<void> end_output() {
    const auto ended = co_await stream->shutdown_send(Duration(1'000));
    EXPECT_TRUE(ended);
  }
  void start(Awaitable<void> task) {
    world.tasks.spawn(std::move(task));
    carrier.run(world);
  }
  // A write that fills all buffers and waits for room.
  void start_stuck_write() {
    big.assign(16U * 1024 * 1024, 'x');
    start(write(big, Duration(1'000)));
    ASSERT_FALSE(write_done);
  }
  // Takes everything there is, until the write is done; returns how much that was.
  std::size_t drain_peer() {
    std::size_t bytes = 0;
    peer->non_blocking(true);
    std::vector<char> into(256 * 1024);
    until([&] {
      boost::system::error_code code;
      for (std::size_t got = 1; got > 0 && !code;) {
        got = peer->read_some(asio::buffer(into), code);
        bytes += got;
      }
      return write_done;
    });
    return bytes;
  }

  test::World world;
  std::optional<asio::ip::tcp::socket> peer;
  Carrier<S> carrier;  // outlives the stream
  std::unique_ptr<S> stream;
  int descriptor = -1;  // the stream's, which owns it
  std::array<char, 100> room{};
  std::string big;
  std::string text;
  std::optional<ErrorKind> read_result;
  base::Side read_side = base::Side::internal;
  bool read_done = false;
  std::optional<ErrorKind> write_result;
  bool write_done = false;
};
using SocketStreams = testing::Types<TcpStream, RingStream, RingStreamThatLooks>;

}  // namespace lb::net
