// Reading what is there already: one read more, which waits for nothing.
#include <string>
#include <vector>

#include "unit/net/socket_stream.hpp"

namespace lb::net {
namespace {

template <class S>
class NetReadAtHand : public NetSocketStream<S> {
 protected:
  // One read of at most `first` bytes; then, where more is at hand, one of at most `second`.
  Awaitable<void> read_twice(std::size_t first, std::size_t second) {
    this->text.clear();
    bytes_at_hand = 0;
    done = false;
    into.resize(std::max(first, second));
    test::PlainBuffer first_buffer({into.data(), first});
    const auto bytes = co_await this->stream->read_some(first_buffer, base::kNever);
    if (bytes) this->text.append(into.data(), *bytes);
    more = this->stream->more_at_hand();
    test::PlainBuffer second_buffer({into.data(), second});
    bytes_at_hand = this->stream->read_at_hand(second_buffer);
    this->text.append(into.data(), bytes_at_hand);
    done = true;
  }
  // All of it has arrived before anything is read.
  void arrive(const std::string& bytes) {
    asio::write(*this->peer, asio::buffer(bytes));
    this->until([this] { return this->stream->probe() == Probe::readable; });
  }
  void until_done() {
    this->until([this] { return done; });
  }

  std::vector<char> into;
  std::size_t bytes_at_hand = 0;
  bool more = false;
  bool done = false;
};
TYPED_TEST_SUITE(NetReadAtHand, SocketStreams);

TYPED_TEST(NetReadAtHand, gives_what_the_last_read_left) {
  this->arrive("one and the other");
  this->start(this->read_twice(3, 100));
  this->until_done();
  EXPECT_TRUE(this->more);
  EXPECT_EQ(this->bytes_at_hand, 14U);
  EXPECT_EQ(this->text, "one and the other");
  EXPECT_FALSE(this->stream->more_at_hand());
}

// Method: more than the buffers of a ring take.
TYPED_TEST(NetReadAtHand, gives_what_the_socket_still_holds) {
  const std::string sent = std::string(16U * 1024, 'a') + std::string(1'000, 'b');
  this->arrive(sent);
  this->start(this->read_twice(16U * 1024, 100U * 1024));
  this->until_done();
  EXPECT_TRUE(this->more);
  EXPECT_EQ(this->bytes_at_hand, 1'000U);
  EXPECT_TRUE(this->text == sent);
}

// Goal: nothing waits for bytes that may never come, and those that come later are not lost. Method: nothing follows
// what was read, also where it filled the buffer, so that there might have been more.
TYPED_TEST(NetReadAtHand, waits_for_nothing) {
  for (const std::size_t size : {std::size_t{5}, std::size_t{100}}) {
    this->arrive("hello");
    this->start(this->read_twice(size, 100));
    this->until_done();
    EXPECT_EQ(this->bytes_at_hand, 0U) << size;
    EXPECT_EQ(this->text, "hello");
    EXPECT_FALSE(this->stream->more_at_hand());
  }
}

TYPED_TEST(NetReadAtHand, leaves_the_end_to_the_next_read) {
  this->arrive("hello");
  this->peer->close();
  this->start(this->read_twice(5, 100));
  this->until_done();
  EXPECT_EQ(this->bytes_at_hand, 0U);
  this->start(this->read(base::kNever));
  this->until([this] { return this->read_done; });
  EXPECT_EQ(this->read_result, ErrorKind::closed);
}

TYPED_TEST(NetReadAtHand, gives_nothing_once_the_stream_is_closed) {
  this->arrive("one and the other");
  this->start(this->read(base::kNever));
  this->until([this] { return this->read_done; });
  this->stream->close();
  test::PlainBuffer buffer(this->room);
  EXPECT_EQ(this->stream->read_at_hand(buffer), 0U);
}

}  // namespace
}  // namespace lb::net
