// Bytes that go from one connection to another inside the kernel.
#include "net/relay.hpp"

#include <boost/asio/read.hpp>

#include "unit/net/socket_stream.hpp"

namespace lb::net {
namespace {

constexpr std::size_t kMebibyte = 1024UL * 1024;

// Bytes that tell where they belong.
std::string pattern(std::size_t size) {
  std::string bytes(size, '\0');
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>((i * 2654435761U) >> 11U);
  return bytes;
}

// `stream` and its `peer` are where bytes come from, `to` and `receiver` where they go.
template <class S>
class NetRelay : public NetSocketStream<S> {
 protected:
  void SetUp() override {
    NetSocketStream<S>::SetUp();
    if (this->IsSkipped()) return;
    asio::ip::tcp::acceptor acceptor(this->world.io, {asio::ip::address_v4::loopback(), 0});
    TcpSocket socket(this->world.io.get_executor());
    socket.connect(acceptor.local_endpoint());
    receiver.emplace(acceptor.accept());
    receiver->non_blocking(true);
    to = this->carrier.adopt(std::move(socket), this->world, base::Side::downstream);
    pipes.limit(4);
    begin_in_bulk();
  }
  void TearDown() override {
    if (to) {
      to->close();
      this->stream->close();
      this->until([this] { return this->world.tasks.size() == 0; });
      to.reset();
      EXPECT_EQ(pipes.in_use(), 0U);
    }
    NetSocketStream<S>::TearDown();
  }

  // A whole buffer of the ring was read, so that the next bytes are left in the socket.
  void begin_in_bulk() {
    std::vector<char> into(Ring::kBufferBytes);
    asio::write(*this->peer, asio::buffer(into));
    this->until([this] { return this->stream->probe() == Probe::readable; });
    test::PlainBuffer buffer(into);
    std::size_t bytes = 0;
    const auto read = [&]() -> Awaitable<void> {
      while (bytes < into.size()) {
        const auto some = co_await this->stream->read_some(buffer, base::kNever);
        if (!some) break;
        bytes += *some;
      }
    };
    this->start(read());
    this->until([&] { return bytes == into.size(); });
    ASSERT_TRUE(this->stream->may_splice());
    this->peer->non_blocking(true);
  }

  Awaitable<void> relay(std::uint64_t bytes) {
    done = false;
    error.reset();
    Pipe pipe = pipes.take();
    const auto result = co_await net::relay(*this->stream, *to, pipe, bytes, Duration(1'000), Duration(2'000));
    if (result) {
      passed = *result;
    } else {
      error = result.error();
    }
    done = true;
  }

  // What of `sent_` its socket takes, and what the receiver has got, as far as both go now.
  void move_bytes() {
    boost::system::error_code code;
    while (sent_at < sent.size() && !code) {
      sent_at += this->peer->write_some(asio::buffer(sent.data() + sent_at, sent.size() - sent_at), code);
    }
    std::vector<char> into(256UL * 1024);
    for (code.clear(); receiving && !code;) {
      got.append(into.data(), receiver->read_some(asio::buffer(into), code));
    }
  }
  void until_done() {
    this->until([this] {
      move_bytes();
      return done;
    });
  }
  // More than all buffers hold; nobody takes it, so that it waits for room.
  void start_stuck_relay() {
    receiving = false;
    sent = pattern(32 * kMebibyte);
    this->start(relay(sent.size()));
    std::uint64_t before = 0;
    int quiet = 0;
    this->until([&] {
      move_bytes();
      quiet = to->bytes_written() == before ? quiet + 1 : 0;
      before = to->bytes_written();
      return before > 0 && quiet > 10;
    });
    ASSERT_FALSE(done);
    ASSERT_EQ(pipes.in_use(), 1U);
  }
  void expect_error(ErrorKind kind, base::Side side) {
    ASSERT_TRUE(error);
    EXPECT_EQ(error->kind, kind);
    EXPECT_EQ(error->side, side);
    EXPECT_EQ(pipes.in_use(), 0U);
  }

  PipePool pipes{this->world.wheel};
  std::optional<asio::ip::tcp::socket> receiver;
  std::unique_ptr<S> to;
  std::string sent;
  std::size_t sent_at = 0;
  std::string got;
  bool receiving = true;
  bool done = false;
  std::uint64_t passed = 0;
  std::optional<base::Error> error;
};
TYPED_TEST_SUITE(NetRelay, SocketStreams);

TYPED_TEST(NetRelay, passes_on_exactly_so_many_bytes) {
  constexpr std::size_t kBytes = 5 * kMebibyte + 321;
  this->sent = pattern(kBytes) + "next";
  this->start(this->relay(kBytes));
  this->until_done();
  EXPECT_EQ(this->passed, kBytes);
  EXPECT_EQ(this->to->bytes_written(), kBytes);
  this->until([this] {
    this->move_bytes();
    return this->got.size() >= kBytes && this->sent_at == this->sent.size();
  });
  EXPECT_TRUE(this->got == pattern(kBytes));
  EXPECT_EQ(this->pipes.kept(), 1U);
  this->start(this->read(base::kNever));
  this->until([this] { return this->read_done; });
  EXPECT_EQ(this->text, "next");
}

// Goal: no connection has the worker for itself. Method: in one turn of the loop no more goes through than the limit
// says, though there is more at hand.
TYPED_TEST(NetRelay, gives_others_their_turn) {
  this->sent = pattern(16 * kMebibyte);
  this->start(this->relay(this->sent.size()));
  std::uint64_t before = this->to->bytes_written();
  std::uint64_t most = 0;
  this->until([this, &before, &most] {
    this->move_bytes();
    most = std::max(most, this->to->bytes_written() - before);
    before = this->to->bytes_written();
    return this->done;
  });
  EXPECT_EQ(this->passed, this->sent.size());
  EXPECT_GT(most, 0U);
  EXPECT_LE(most, 2 * base::kSpliceTurnBytes) << "the rest of one turn, and another one";
}

TYPED_TEST(NetRelay, waits_for_a_slow_receiver) {
  this->start_stuck_relay();
  this->world.pass(Duration(1'900));
  EXPECT_FALSE(this->done);
  this->receiving = true;
  this->until_done();
  EXPECT_EQ(this->passed, this->sent.size());
  this->until([this] {
    this->move_bytes();
    return this->got.size() == this->sent.size();
  });
  EXPECT_TRUE(this->got == this->sent);
}

TYPED_TEST(NetRelay, a_receiver_that_takes_nothing_times_out) {
  this->start_stuck_relay();
  this->world.pass(Duration(2'100));
  this->until([this] { return this->done; });
  this->expect_error(ErrorKind::timeout, base::Side::downstream);
  EXPECT_EQ(this->pipes.kept(), 0U) << "bytes were left in it";
}

TYPED_TEST(NetRelay, a_silent_sender_times_out_and_stays_usable) {
  this->sent = pattern(1'000);
  this->start(this->relay(kMebibyte));
  this->until([this] {
    this->move_bytes();
    return this->got.size() == 1'000;
  });
  this->world.pass(Duration(900));
  EXPECT_FALSE(this->done);
  this->world.pass(Duration(200));
  this->until([this] { return this->done; });
  this->expect_error(ErrorKind::timeout, base::Side::upstream);
  EXPECT_EQ(this->pipes.kept(), 1U);
  this->peer->write_some(asio::buffer("late", 4));
  this->start(this->read(base::kNever));
  this->until([this] { return this->read_done; });
  EXPECT_EQ(this->text, "late");
}

TYPED_TEST(NetRelay, a_sender_that_ends_early_is_told_behind_its_bytes) {
  this->sent = pattern(100'000);
  this->move_bytes();
  this->peer->close();
  this->start(this->relay(kMebibyte));
  this->until_done();
  this->expect_error(ErrorKind::closed, base::Side::upstream);
  this->until([this] {
    this->move_bytes();
    return this->got.size() == this->sent.size();
  });
  EXPECT_TRUE(this->got == this->sent);
}

TYPED_TEST(NetRelay, a_sender_that_resets_is_told) {
  this->sent = pattern(100'000);
  this->start(this->relay(kMebibyte));
  this->until([this] {
    this->move_bytes();
    return this->got.size() == this->sent.size();
  });
  this->peer->set_option(asio::socket_base::linger(true, 0));
  this->peer->close();
  this->until([this] { return this->done; });
  this->expect_error(ErrorKind::reset, base::Side::upstream);
}

TYPED_TEST(NetRelay, a_receiver_that_leaves_is_told) {
  this->start_stuck_relay();
  this->receiver->close();  // with bytes unread, which is a reset
  this->until([this] { return this->done; });
  this->expect_error(ErrorKind::reset, base::Side::downstream);
}

TYPED_TEST(NetRelay, ends_when_the_sender_is_given_up_while_it_waits_for_bytes) {
  this->start(this->relay(kMebibyte));
  this->carrier.turn(this->world);
  EXPECT_FALSE(this->done);
  this->stream->close();
  this->until([this] { return this->done; });
  this->expect_error(ErrorKind::cancelled, base::Side::upstream);
}

TYPED_TEST(NetRelay, ends_when_the_receiver_is_given_up_while_it_waits_for_room) {
  this->start_stuck_relay();
  this->to->abort();
  this->until([this] { return this->done; });
  this->expect_error(ErrorKind::cancelled, base::Side::downstream);
}

TYPED_TEST(NetRelay, ends_when_its_waits_are_cancelled) {
  this->start(this->relay(kMebibyte));
  this->carrier.turn(this->world);
  this->stream->cancel_read();
  this->until([this] { return this->done; });
  this->expect_error(ErrorKind::cancelled, base::Side::upstream);
  this->start_stuck_relay();
  this->to->cancel_write();
  this->until([this] { return this->done; });
  this->expect_error(ErrorKind::cancelled, base::Side::downstream);
}

TYPED_TEST(NetRelay, a_sender_given_up_while_it_waits_for_room_is_noticed_after_that) {
  this->start_stuck_relay();
  this->stream->close();
  this->receiving = true;
  this->sent_at = this->sent.size();
  this->until_done();
  this->expect_error(ErrorKind::cancelled, base::Side::upstream);
}

// Goal: a read that pends on the receiver, as that of whoever watches for its leaving, neither disturbs nor is
// disturbed.
TYPED_TEST(NetRelay, a_read_of_the_receiver_goes_on_beside_it) {
  std::array<char, 100> said{};
  test::PlainBuffer buffer(said);
  std::size_t bytes = 0;
  const auto watch = [&]() -> Awaitable<void> {
    const auto some = co_await this->to->read_some(buffer, base::kNever);
    if (some) bytes = *some;
  };
  this->start(watch());
  this->sent = pattern(8 * kMebibyte);
  this->start(this->relay(this->sent.size()));
  this->until_done();
  EXPECT_EQ(this->passed, this->sent.size());
  EXPECT_EQ(bytes, 0U);
  this->receiver->write_some(asio::buffer("hello", 5));
  this->until([&] { return bytes == 5; });
}

// Goal: a socket that is readable by its own account and gives nothing does not make the loop spin. Method: urgent data
// (RFC 6093), which only reading gets past.
TYPED_TEST(NetRelay, leaves_urgent_data_to_reading) {
  ASSERT_EQ(::send(this->peer->native_handle(), "!", 1, MSG_OOB), 1);
  this->sent = "behind it";
  this->start(this->relay(kMebibyte));
  this->until_done();
  EXPECT_FALSE(this->error);
  EXPECT_EQ(this->passed, 0U);
  this->start(this->read(base::kNever));
  this->until([this] { return this->read_done; });
  EXPECT_EQ(this->text, "behind it");
}

// A kernel that does not splice into this socket.
class Unspliceable final : public TcpStream {
 public:
  using TcpStream::TcpStream;
  [[nodiscard]] Awaitable<base::Result<void>> splice_out(Pipe&, Duration) { co_return base::Result<void>(); }
};

using NetRelayOfSockets = NetRelay<TcpStream>;
TEST_F(NetRelayOfSockets, what_cannot_be_spliced_out_is_written) {
  asio::ip::tcp::acceptor acceptor(world.io, {asio::ip::address_v4::loopback(), 0});
  TcpSocket socket(world.io.get_executor());
  socket.connect(acceptor.local_endpoint());
  receiver.emplace(acceptor.accept());
  receiver->non_blocking(true);
  Unspliceable there(std::move(socket), world.wheel, base::Side::downstream);
  const auto relay_there = [&]() -> Awaitable<void> {
    Pipe pipe = pipes.take();
    const auto result = co_await net::relay(*stream, there, pipe, kMebibyte, Duration(1'000), Duration(1'000));
    if (result) passed = *result;
    done = true;
  };
  sent = pattern(100'000);
  move_bytes();
  until([this] { return stream->probe() == Probe::readable; });
  start(relay_there());
  until_done();
  EXPECT_GT(passed, 0U);
  EXPECT_LT(passed, kMebibyte) << "copying goes on";
  until([this] {
    move_bytes();
    return got.size() == passed;
  });
  EXPECT_EQ(got, sent.substr(0, passed));
  EXPECT_EQ(pipes.kept(), 1U);
}

}  // namespace
}  // namespace lb::net
