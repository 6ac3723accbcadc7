#include "support/memory_stream.hpp"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "support/plain_buffer.hpp"

namespace lb::test {
namespace {

using base::Duration;
using base::ErrorKind;
using End = MemoryStream::End;

// Reads to the end, in reads of at most `room` bytes.
struct Reading {
  net::Awaitable<void> to_the_end(MemoryStream& stream, Duration timeout) {
    char room[8];
    for (;;) {
      test::PlainBuffer into(room);
      const auto bytes = co_await stream.read_some(into, stream.wheel().after(timeout));
      if (!bytes) {
        error = bytes.error().kind;
        co_return;
      }
      ++reads;
      text.append(room, *bytes);
    }
  }
  std::string text;
  int reads = 0;
  std::optional<ErrorKind> error;
};

struct Writing {
  net::Awaitable<void> all(MemoryStream& stream, std::string_view bytes, Duration idle) {
    net::BufferList buffers;
    buffers.emplace_back(bytes.data(), bytes.size());
    const auto written = co_await stream.write(buffers, idle);
    done = true;
    if (!written) error = written.error().kind;
  }
  bool done = false;
  std::optional<ErrorKind> error;
};

class TestMemoryStream : public testing::Test {
 protected:
  void connect(MemoryStream::Options options) {
    auto pair = MemoryStream::connected(world, base::Side::upstream, options);
    near = std::move(pair.first);
    far = std::move(pair.second);
  }

  World world;
  std::unique_ptr<MemoryStream> near;
  std::unique_ptr<MemoryStream> far;
};

TEST_F(TestMemoryStream, reads_come_in_slices_and_end_in_order) {
  for (const std::size_t slice : {1U, 3U, 100U}) {
    connect({slice, 100});
    Reading reading;
    world.tasks.spawn(reading.to_the_end(*near, Duration(1000)));
    EXPECT_EQ(far->put("hello world"), 11U);
    world.run();
    EXPECT_EQ(reading.text, "hello world");
    EXPECT_EQ(reading.error, std::nullopt);
    EXPECT_EQ(reading.reads, slice == 1 ? 11 : slice == 3 ? 4 : 2);
    far->close();
    world.run();
    EXPECT_EQ(reading.error, ErrorKind::closed);
  }
}

TEST_F(TestMemoryStream, a_write_waits_for_room_and_times_out_without_it) {
  connect({100, 4});
  Writing writing;
  world.tasks.spawn(writing.all(*near, "0123456789", Duration(100)));
  world.run();
  EXPECT_EQ(far->take(), "0123");
  world.pass(Duration(90));
  EXPECT_EQ(far->take(), "4567");
  world.pass(Duration(90));
  EXPECT_EQ(far->take(), "89");
  EXPECT_TRUE(writing.done);
  EXPECT_EQ(near->bytes_written(), 10U);
  Writing stuck;
  world.tasks.spawn(stuck.all(*near, "0123456789", Duration(100)));
  world.pass(Duration(120));
  EXPECT_EQ(stuck.error, ErrorKind::timeout);
}

TEST_F(TestMemoryStream, reading_and_writing_are_stopped_apart) {
  connect({100, 4});
  Reading reading;
  Writing writing;
  world.tasks.spawn(reading.to_the_end(*near, Duration(1000)));
  world.tasks.spawn(writing.all(*near, "0123456789", Duration(1000)));
  world.run();
  near->cancel_read();
  world.run();
  EXPECT_EQ(reading.error, ErrorKind::cancelled);
  EXPECT_FALSE(writing.done);
  near->close();
  world.run();
  EXPECT_EQ(writing.error, ErrorKind::cancelled);
}

TEST_F(TestMemoryStream, a_reset_loses_what_was_on_its_way) {
  connect({});
  EXPECT_EQ(far->put("lost"), 4U);
  far->abort();
  Reading reading;
  world.tasks.spawn(reading.to_the_end(*near, Duration(1000)));
  world.run();
  EXPECT_EQ(reading.text, "");
  EXPECT_EQ(reading.error, ErrorKind::reset);
}

TEST_F(TestMemoryStream, closing_with_bytes_unread_resets) {
  connect({});
  EXPECT_EQ(far->put("answer"), 6U);
  EXPECT_EQ(near->put("unread"), 6U);
  far->close();
  EXPECT_EQ(near->peer_end(), End::reset);
  EXPECT_EQ(near->take(), "");
}

TEST_F(TestMemoryStream, what_is_written_to_a_closed_peer_is_lost_before_the_reset_comes_back) {
  connect({});
  far->close();
  Writing first;
  world.tasks.spawn(first.all(*near, "x", Duration(10)));
  world.run();
  EXPECT_TRUE(first.done);
  EXPECT_EQ(first.error, std::nullopt);
  Writing second;
  world.tasks.spawn(second.all(*near, "x", Duration(10)));
  world.run();
  EXPECT_EQ(second.error, ErrorKind::reset);
}

TEST_F(TestMemoryStream, input_fails_after_the_scripted_number_of_bytes) {
  connect({1, 100});
  EXPECT_EQ(far->put("0123456789"), 10U);
  near->fail_after_reading(4, End::reset);
  Reading reading;
  world.tasks.spawn(reading.to_the_end(*near, Duration(1000)));
  world.run();
  EXPECT_EQ(reading.text, "0123");
  EXPECT_EQ(reading.error, ErrorKind::reset);
}

TEST_F(TestMemoryStream, a_probe_tells_quiet_readable_and_closed_apart) {
  connect({});
  EXPECT_EQ(near->probe(), net::Probe::quiet);
  EXPECT_EQ(far->put("x"), 1U);
  EXPECT_EQ(near->probe(), net::Probe::readable);
  near->take();
  far->end_output();
  EXPECT_EQ(near->probe(), net::Probe::closed);
}

}  // namespace
}  // namespace lb::test
