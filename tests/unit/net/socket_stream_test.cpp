// The Streams over real connections on this machine.
#include "unit/net/socket_stream.hpp"

#include <boost/asio/read.hpp>

namespace lb::net {
namespace {

TYPED_TEST_SUITE(NetSocketStream, SocketStreams);

TYPED_TEST(NetSocketStream, bytes_are_read_and_written) {
  this->start(this->read(base::kNever));
  EXPECT_FALSE(this->read_done);
  asio::write(*this->peer, asio::buffer("hello", 5));
  this->until([this] { return this->read_done; });
  EXPECT_EQ(this->text, "hello");
  this->start(this->write("answer", Duration(1'000)));
  EXPECT_TRUE(this->write_done);
  EXPECT_EQ(this->write_result, std::nullopt);
  EXPECT_EQ(this->stream->bytes_written(), 6U);
  std::array<char, 6> got{};
  asio::read(*this->peer, asio::buffer(got));
  EXPECT_EQ(std::string_view(got.data(), got.size()), "answer");
}

TYPED_TEST(NetSocketStream, a_read_times_out_by_the_wheel_and_leaves_the_stream_usable) {
  this->start(this->read(this->world.wheel.after(Duration(100))));
  this->world.pass(Duration(90));
  EXPECT_FALSE(this->read_done);
  this->world.pass(Duration(20));
  this->until([this] { return this->read_done; });
  EXPECT_EQ(this->read_result, ErrorKind::timeout);
  EXPECT_EQ(this->read_side, base::Side::upstream);
  this->read_done = false;
  this->start(this->read(this->world.wheel.after(Duration(100))));
  asio::write(*this->peer, asio::buffer("late", 4));
  this->until([this] { return this->read_done; });
  EXPECT_EQ(this->text, "late");
}

TYPED_TEST(NetSocketStream, the_deadline_of_a_pending_read_can_be_moved_both_ways) {
  this->start(this->read(this->world.wheel.after(Duration(100))));
  this->stream->set_read_deadline(this->world.wheel.after(Duration(300)));
  this->world.pass(Duration(250));
  EXPECT_FALSE(this->read_done);
  this->stream->set_read_deadline(this->world.wheel.after(Duration(10)));
  this->world.pass(Duration(20));
  this->until([this] { return this->read_done; });
  EXPECT_EQ(this->read_result, ErrorKind::timeout);
}

TYPED_TEST(NetSocketStream, waiting_for_bytes_holds_no_buffer_and_takes_none) {
  this->start(this->wait_readable(base::kNever));
  EXPECT_FALSE(this->read_done);
  asio::write(*this->peer, asio::buffer("x", 1));
  this->until([this] { return this->read_done; });
  EXPECT_EQ(this->read_result, std::nullopt);
  EXPECT_EQ(this->stream->probe(), Probe::readable);
  this->read_done = false;
  this->start(this->read(base::kNever));
  this->until([this] { return this->read_done; });
  EXPECT_EQ(this->text, "x");
}

TYPED_TEST(NetSocketStream, a_cancelled_read_does_not_disturb_a_pending_write) {
  this->start_stuck_write();
  this->start(this->read(base::kNever));
  this->stream->cancel_read();
  this->until([this] { return this->read_done; });
  EXPECT_EQ(this->read_result, ErrorKind::cancelled);
  EXPECT_FALSE(this->write_done);
  EXPECT_EQ(this->drain_peer() > 0, true);
  EXPECT_EQ(this->write_result, std::nullopt);
  EXPECT_EQ(this->stream->bytes_written(), this->big.size());
}

TYPED_TEST(NetSocketStream, a_cancelled_write_does_not_disturb_a_pending_read) {
  this->start_stuck_write();
  this->start(this->read(base::kNever));
  this->stream->cancel_write();
  this->until([this] { return this->write_done; });
  EXPECT_EQ(this->write_result, ErrorKind::cancelled);
  this->carrier.run(this->world);
  EXPECT_FALSE(this->read_done);
  asio::write(*this->peer, asio::buffer("still", 5));
  this->until([this] { return this->read_done; });
  EXPECT_EQ(this->text, "still");
}

TYPED_TEST(NetSocketStream, a_read_that_times_out_does_not_disturb_a_pending_write) {
  this->start_stuck_write();
  this->start(this->read(this->world.wheel.after(Duration(50))));
  this->world.pass(Duration(70));
  this->until([this] { return this->read_done; });
  EXPECT_EQ(this->read_result, ErrorKind::timeout);
  EXPECT_FALSE(this->write_done);
}

TYPED_TEST(NetSocketStream, a_write_without_room_times_out) {
  this->start_stuck_write();
  this->world.pass(Duration(980));
  EXPECT_FALSE(this->write_done);
  this->world.pass(Duration(40));
  this->until([this] { return this->write_done; });
  EXPECT_EQ(this->write_result, ErrorKind::timeout);
  EXPECT_GT(this->stream->bytes_written(), 0U);
  EXPECT_LT(this->stream->bytes_written(), this->big.size());
}

TYPED_TEST(NetSocketStream, cancelling_without_anything_pending_does_nothing) {
  this->stream->cancel_read();
  this->stream->cancel_write();
  this->stream->set_read_deadline(this->world.wheel.now());
  this->world.pass(Duration(50));
  asio::write(*this->peer, asio::buffer("x", 1));
  this->start(this->read(base::kNever));
  this->until([this] { return this->read_done; });
  EXPECT_EQ(this->text, "x");
}

TYPED_TEST(NetSocketStream, an_orderly_end_is_closed_and_the_other_direction_goes_on) {
  this->peer->shutdown(asio::ip::tcp::socket::shutdown_send);
  this->start(this->read(base::kNever));
  this->until([this] { return this->read_done; });
  EXPECT_EQ(this->read_result, ErrorKind::closed);
  this->start(this->write("x", Duration(100)));
  EXPECT_EQ(this->write_result, std::nullopt);
  EXPECT_TRUE(this->write_done);
}

TYPED_TEST(NetSocketStream, shutting_down_our_direction_leaves_the_other_open) {
  this->start(this->end_output());
  boost::system::error_code code;
  std::array<char, 1> byte{};
  EXPECT_EQ(this->peer->read_some(asio::buffer(byte), code), 0U);
  EXPECT_EQ(code, asio::error::eof);
  asio::write(*this->peer, asio::buffer("x", 1));
  this->start(this->read(base::kNever));
  this->until([this] { return this->read_done; });
  EXPECT_EQ(this->text, "x");
}

TYPED_TEST(NetSocketStream, closing_is_orderly_and_aborting_resets) {
  boost::system::error_code code;
  std::array<char, 1> byte{};
  this->stream->close();
  this->carrier.run(this->world);
  EXPECT_EQ(this->peer->read_some(asio::buffer(byte), code), 0U);
  EXPECT_EQ(code, asio::error::eof);
}

TYPED_TEST(NetSocketStream, aborting_sends_a_reset) {
  boost::system::error_code code;
  std::array<char, 1> byte{};
  this->stream->abort();
  this->carrier.run(this->world);
  EXPECT_EQ(this->peer->read_some(asio::buffer(byte), code), 0U);
  EXPECT_EQ(code, asio::error::connection_reset);
}

TYPED_TEST(NetSocketStream, a_reset_of_the_peer_is_told_apart_from_its_end) {
  this->peer->set_option(asio::socket_base::linger(true, 0));
  this->peer->close();
  this->start(this->read(base::kNever));
  this->until([this] { return this->read_done; });
  EXPECT_EQ(this->read_result, ErrorKind::reset);
}

TYPED_TEST(NetSocketStream, closing_ends_what_pends_with_cancelled) {
  this->start_stuck_write();
  this->start(this->read(base::kNever));
  this->stream->close();
  this->until([this] { return this->read_done && this->write_done; });
  EXPECT_EQ(this->read_result, ErrorKind::cancelled);
  EXPECT_EQ(this->write_result, ErrorKind::cancelled);
  EXPECT_EQ(this->stream->probe(), Probe::closed);
}

TYPED_TEST(NetSocketStream, a_closed_stream_gives_cancelled_and_does_not_hang) {
  this->stream->close();
  this->start(this->read(base::kNever));
  this->start(this->write("x", Duration(100)));
  this->until([this] { return this->read_done && this->write_done; });
  EXPECT_EQ(this->read_result, ErrorKind::cancelled);
  EXPECT_EQ(this->write_result, ErrorKind::cancelled);
  this->stream->close();
  this->stream->abort();
  this->start(this->end_output());
}

// Goal: whoever looks whether a cancelled wait has missed something is not told of bytes that nobody can read any more.
TYPED_TEST(NetSocketStream, a_closed_stream_is_closed_whatever_has_come) {
  asio::write(*this->peer, asio::buffer("unread", 6));
  this->stream->read_ahead();
  this->until([this] { return this->stream->probe() == Probe::readable; });
  this->stream->close();
  EXPECT_EQ(this->stream->probe(), Probe::closed);
  EXPECT_EQ(this->stream->noticed(), Probe::closed);
}

TYPED_TEST(NetSocketStream, a_probe_tells_quiet_readable_and_closed_apart) {
  EXPECT_EQ(this->stream->probe(), Probe::quiet);
  asio::write(*this->peer, asio::buffer("x", 1));
  this->until([this] { return this->stream->probe() == Probe::readable; });
  this->start(this->read(base::kNever));
  this->until([this] { return this->read_done; });
  EXPECT_EQ(this->text, "x") << "a probe consumes nothing";
  EXPECT_EQ(this->stream->probe(), Probe::quiet);
  this->peer->close();
  this->until([this] { return this->stream->probe() == Probe::closed; });
}

// Goal: what reading ahead has taken belongs to the next read, whatever happened in between.
TYPED_TEST(NetSocketStream, nothing_is_lost_between_reads) {
  this->stream->read_ahead();
  this->start(this->read(this->world.wheel.after(Duration(50))));
  this->world.pass(Duration(70));
  this->until([this] { return this->read_done; });
  EXPECT_EQ(this->read_result, ErrorKind::timeout);
  asio::write(*this->peer, asio::buffer("abc", 3));
  this->until([this] { return this->stream->probe() == Probe::readable; });
  this->start(this->read(base::kNever));
  this->until([this] { return this->read_done; });
  EXPECT_EQ(this->text, "abc");
}

TYPED_TEST(NetSocketStream, the_end_of_an_idle_connection_is_noticed_and_stays) {
  this->stream->read_ahead();
  EXPECT_EQ(this->stream->probe(), Probe::quiet);
  this->peer->close();
  this->until([this] { return this->stream->probe() == Probe::closed; });
  for (int time = 0; time < 2; ++time) {
    this->read_done = false;
    this->start(this->read(base::kNever));
    this->until([this] { return this->read_done; });
    EXPECT_EQ(this->read_result, ErrorKind::closed);
  }
}

// Goal: every byte arrives once and in order, whichever buffers it takes on its way. Method: 3 MiB that count, read
// into buffers of changing sizes, with pauses in which the stream idles.
TYPED_TEST(NetSocketStream, much_is_read_in_order) {
  constexpr std::size_t kBytes = 3U * 1024 * 1024;
  std::string sent(kBytes, ' ');
  for (std::size_t i = 0; i < kBytes; ++i) sent[i] = static_cast<char>((i * 2654435761U) >> 13U);
  this->peer->non_blocking(true);
  std::size_t written = 0;
  std::string got;
  bool done = false;
  std::vector<char> into(200U * 1024);
  const auto reader = [&]() -> Awaitable<void> {
    std::size_t round = 0;
    while (got.size() < kBytes) {
      const std::size_t size = std::size_t{1} << (round++ % 18U);
      test::PlainBuffer buffer({into.data(), size});
      const auto bytes = co_await this->stream->read_some(buffer, base::kNever);
      if (!bytes) break;
      got.append(into.data(), *bytes);
      if (round % 50 == 0) this->stream->read_ahead();
    }
    done = true;
  };
  this->start(reader());
  this->until([&] {
    boost::system::error_code code;
    while (written < kBytes && !code) {
      const std::size_t piece = std::min<std::size_t>(kBytes - written, 1 + written % 70'000);
      written += this->peer->write_some(asio::buffer(sent.data() + written, piece), code);
    }
    return done;
  });
  EXPECT_TRUE(got == sent);
}

}  // namespace
}  // namespace lb::net
