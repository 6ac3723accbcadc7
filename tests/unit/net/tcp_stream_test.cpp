// A Stream over real connections on this machine. Timeouts are the wheel's, whose clock is turned by hand; what needs
// the kernel is waited for in the event loop, with a bound.
#include "net/tcp_stream.hpp"

#include <array>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <gtest/gtest.h>

#include "net/task_group.hpp"
#include "support/memory_stream.hpp"

namespace lb::net {
namespace {

using base::Duration;
using base::ErrorKind;

class NetTcpStream : public testing::Test {
 protected:
  NetTcpStream() {
    asio::ip::tcp::acceptor acceptor(world.io, {asio::ip::address_v4::loopback(), 0});
    TcpSocket socket(world.io.get_executor());
    socket.connect(acceptor.local_endpoint());
    peer.emplace(acceptor.accept());
    stream = std::make_unique<TcpStream>(std::move(socket), world.wheel, base::Side::upstream);
  }
  ~NetTcpStream() override {
    stream->close();
    until([this] { return world.tasks.size() == 0; });
  }

  // Runs the loop until something holds; the bound is for tests that fail.
  void until(const std::function<bool()>& holds) {
    for (int round = 0; !holds() && round < 500; ++round) {
      world.io.restart();
      world.io.run_one_for(std::chrono::milliseconds(10));
    }
    EXPECT_TRUE(holds());
  }

  Awaitable<void> read(base::Deadline deadline) {
    read_result.reset();
    const auto bytes = co_await stream->read_some({room.data(), room.size()}, deadline);
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
  void start(Awaitable<void> task) {
    world.tasks.spawn(std::move(task));
    world.run();
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
  std::unique_ptr<TcpStream> stream;
  std::array<char, 100> room{};
  std::string big;
  std::string text;
  std::optional<ErrorKind> read_result;
  base::Side read_side = base::Side::internal;
  bool read_done = false;
  std::optional<ErrorKind> write_result;
  bool write_done = false;
};

TEST_F(NetTcpStream, bytes_are_read_and_written) {
  start(read(base::kNever));
  EXPECT_FALSE(read_done);
  asio::write(*peer, asio::buffer("hello", 5));
  until([this] { return read_done; });
  EXPECT_EQ(text, "hello");
  start(write("answer", Duration(1'000)));
  EXPECT_TRUE(write_done);
  EXPECT_EQ(write_result, std::nullopt);
  EXPECT_EQ(stream->bytes_written(), 6U);
  std::array<char, 6> got{};
  asio::read(*peer, asio::buffer(got));
  EXPECT_EQ(std::string_view(got.data(), got.size()), "answer");
}

TEST_F(NetTcpStream, a_read_times_out_by_the_wheel_and_leaves_the_stream_usable) {
  start(read(world.wheel.after(Duration(100))));
  world.pass(Duration(90));
  EXPECT_FALSE(read_done);
  world.pass(Duration(20));
  until([this] { return read_done; });
  EXPECT_EQ(read_result, ErrorKind::timeout);
  EXPECT_EQ(read_side, base::Side::upstream);
  read_done = false;
  start(read(world.wheel.after(Duration(100))));
  asio::write(*peer, asio::buffer("late", 4));
  until([this] { return read_done; });
  EXPECT_EQ(text, "late");
}

TEST_F(NetTcpStream, the_deadline_of_a_pending_read_can_be_moved_both_ways) {
  start(read(world.wheel.after(Duration(100))));
  stream->set_read_deadline(world.wheel.after(Duration(300)));
  world.pass(Duration(250));
  EXPECT_FALSE(read_done);
  stream->set_read_deadline(world.wheel.after(Duration(10)));
  world.pass(Duration(20));
  until([this] { return read_done; });
  EXPECT_EQ(read_result, ErrorKind::timeout);
}

TEST_F(NetTcpStream, waiting_for_bytes_holds_no_buffer_and_takes_none) {
  start(wait_readable(base::kNever));
  EXPECT_FALSE(read_done);
  asio::write(*peer, asio::buffer("x", 1));
  until([this] { return read_done; });
  EXPECT_EQ(read_result, std::nullopt);
  EXPECT_EQ(stream->probe(), Probe::readable);
  read_done = false;
  start(read(base::kNever));
  until([this] { return read_done; });
  EXPECT_EQ(text, "x");
}

TEST_F(NetTcpStream, a_cancelled_read_does_not_disturb_a_pending_write) {
  start_stuck_write();
  start(read(base::kNever));
  stream->cancel_read();
  until([this] { return read_done; });
  EXPECT_EQ(read_result, ErrorKind::cancelled);
  EXPECT_FALSE(write_done);
  EXPECT_EQ(drain_peer() > 0, true);
  EXPECT_EQ(write_result, std::nullopt);
  EXPECT_EQ(stream->bytes_written(), big.size());
}

TEST_F(NetTcpStream, a_cancelled_write_does_not_disturb_a_pending_read) {
  start_stuck_write();
  start(read(base::kNever));
  stream->cancel_write();
  until([this] { return write_done; });
  EXPECT_EQ(write_result, ErrorKind::cancelled);
  world.run();
  EXPECT_FALSE(read_done);
  asio::write(*peer, asio::buffer("still", 5));
  until([this] { return read_done; });
  EXPECT_EQ(text, "still");
}

TEST_F(NetTcpStream, a_read_that_times_out_does_not_disturb_a_pending_write) {
  start_stuck_write();
  start(read(world.wheel.after(Duration(50))));
  world.pass(Duration(70));
  until([this] { return read_done; });
  EXPECT_EQ(read_result, ErrorKind::timeout);
  EXPECT_FALSE(write_done);
}

TEST_F(NetTcpStream, a_write_without_room_times_out) {
  start_stuck_write();
  world.pass(Duration(980));
  EXPECT_FALSE(write_done);
  world.pass(Duration(40));
  until([this] { return write_done; });
  EXPECT_EQ(write_result, ErrorKind::timeout);
  EXPECT_GT(stream->bytes_written(), 0U);
  EXPECT_LT(stream->bytes_written(), big.size());
}

TEST_F(NetTcpStream, cancelling_without_anything_pending_does_nothing) {
  stream->cancel_read();
  stream->cancel_write();
  stream->set_read_deadline(world.wheel.now());
  world.pass(Duration(50));
  asio::write(*peer, asio::buffer("x", 1));
  start(read(base::kNever));
  until([this] { return read_done; });
  EXPECT_EQ(text, "x");
}

TEST_F(NetTcpStream, an_orderly_end_is_closed_and_the_other_direction_goes_on) {
  peer->shutdown(asio::ip::tcp::socket::shutdown_send);
  start(read(base::kNever));
  until([this] { return read_done; });
  EXPECT_EQ(read_result, ErrorKind::closed);
  start(write("x", Duration(100)));
  EXPECT_EQ(write_result, std::nullopt);
  EXPECT_TRUE(write_done);
}

TEST_F(NetTcpStream, shutting_down_our_direction_leaves_the_other_open) {
  stream->shutdown_send();
  boost::system::error_code code;
  std::array<char, 1> byte{};
  EXPECT_EQ(peer->read_some(asio::buffer(byte), code), 0U);
  EXPECT_EQ(code, asio::error::eof);
  asio::write(*peer, asio::buffer("x", 1));
  start(read(base::kNever));
  until([this] { return read_done; });
  EXPECT_EQ(text, "x");
}

TEST_F(NetTcpStream, closing_is_orderly_and_aborting_resets) {
  boost::system::error_code code;
  std::array<char, 1> byte{};
  stream->close();
  EXPECT_EQ(peer->read_some(asio::buffer(byte), code), 0U);
  EXPECT_EQ(code, asio::error::eof);
}

TEST_F(NetTcpStream, aborting_sends_a_reset) {
  boost::system::error_code code;
  std::array<char, 1> byte{};
  stream->abort();
  EXPECT_EQ(peer->read_some(asio::buffer(byte), code), 0U);
  EXPECT_EQ(code, asio::error::connection_reset);
}

TEST_F(NetTcpStream, a_reset_of_the_peer_is_told_apart_from_its_end) {
  peer->set_option(asio::socket_base::linger(true, 0));
  peer->close();
  start(read(base::kNever));
  until([this] { return read_done; });
  EXPECT_EQ(read_result, ErrorKind::reset);
}

TEST_F(NetTcpStream, closing_ends_what_pends_with_cancelled) {
  start_stuck_write();
  start(read(base::kNever));
  stream->close();
  until([this] { return read_done && write_done; });
  EXPECT_EQ(read_result, ErrorKind::cancelled);
  EXPECT_EQ(write_result, ErrorKind::cancelled);
  EXPECT_EQ(stream->probe(), Probe::closed);
}

TEST_F(NetTcpStream, a_closed_stream_gives_cancelled_and_does_not_hang) {
  stream->close();
  start(read(base::kNever));
  start(write("x", Duration(100)));
  until([this] { return read_done && write_done; });
  EXPECT_EQ(read_result, ErrorKind::cancelled);
  EXPECT_EQ(write_result, ErrorKind::cancelled);
  stream->close();
  stream->abort();
  stream->shutdown_send();
}

TEST_F(NetTcpStream, a_probe_tells_quiet_readable_and_closed_apart) {
  EXPECT_EQ(stream->probe(), Probe::quiet);
  asio::write(*peer, asio::buffer("x", 1));
  until([this] { return stream->probe() == Probe::readable; });
  start(read(base::kNever));
  until([this] { return read_done; });
  EXPECT_EQ(text, "x") << "a probe consumes nothing";
  EXPECT_EQ(stream->probe(), Probe::quiet);
  peer->close();
  until([this] { return stream->probe() == Probe::closed; });
}

}  // namespace
}  // namespace lb::net
