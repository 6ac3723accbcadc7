#include "http1/client_connection.hpp"

#include <optional>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "support/memory_stream.hpp"

namespace lb::http1 {
namespace {

using base::Duration;
using base::ErrorKind;
using test::MemoryStream;
using test::World;
using Connection = ClientConnection;
using End = MemoryStream::End;

Settings test_settings() {
  Settings settings;
  settings.timeouts.write_idle = Duration(5'000);
  settings.timeouts.response_idle = Duration(3'000);
  settings.header_bytes = 1024;
  settings.header_count = 10;
  return settings;
}

// One exchange: what was read of the answer, and how it ended.
struct Exchange {
  net::Awaitable<void> run(Connection& connection, http::Method method, base::Deadline deadline) {
    connection.begin(method);
    net::BufferList request;
    request.emplace_back("request", 7);
    const auto written = co_await connection.write(request);
    if (!written) {
      error = written.error();
      co_return;
    }
    do {
      const auto read = co_await connection.read_response(deadline);
      if (!read) {
        error = read.error();
        co_return;
      }
      text.append(std::to_string(connection.response().status)).append(" ");
      connection.consume_head();
    } while (connection.response().status < 200);
    auto body = connection.take_buffered_body();
    for (;;) {
      if (!body) {
        error = body.error();
        co_return;
      }
      for (const auto& piece : body->pieces) text.append(static_cast<const char*>(piece.data()), piece.size());
      if (body->end) break;
      body = co_await connection.read_body();
    }
    text.append(connection.trailers());
    done = true;
  }

  std::string text;
  std::optional<base::Error> error;
  bool done = false;
};

struct Backend {
  explicit Backend(MemoryStream::Options options = {}) {
    auto pair = MemoryStream::connected(world, base::Side::upstream, options);
    far = std::move(pair.second);
    connection.emplace(std::move(pair.first), states);
  }
  ~Backend() {
    connection->stream().close();
    world.run();
    EXPECT_EQ(world.tasks.size(), 0U);
  }
  Backend(const Backend&) = delete;
  Backend& operator=(const Backend&) = delete;

  Exchange& start(http::Method method = http::Method::get) {
    exchange = {};
    world.tasks.spawn(exchange.run(*connection, method, world.wheel.after(Duration(10'000))));
    world.run();
    return exchange;
  }
  void answer(std::string_view bytes) {
    EXPECT_EQ(far->put(bytes), bytes.size());
    world.run();
  }

  World world;
  Settings settings = test_settings();
  ResponseStates states{world.blocks, settings};
  std::unique_ptr<MemoryStream> far;
  std::optional<Connection> connection;
  Exchange exchange;
};

struct Case {
  std::string_view answer;
  std::string_view text;
  bool ends_with_the_connection;
  bool reusable;
  http::Method method = http::Method::get;
};

TEST(Http1ClientConnection, answers_are_read_in_any_slicing) {
  for (const Case& c : {
           Case{"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "200 hello", false, true},
           Case{"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "200 ", false, true},
           Case{"HTTP/1.1 204 No Content\r\n\r\n", "204 ", false, true},
           Case{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\nT: u\r\n\r\n",
                "200 helloT: u\r\n", false, true},
           Case{"HTTP/1.1 103 E\r\nLink: a\r\n\r\nHTTP/1.1 100 C\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx",
                "103 100 200 x", false, true},
           Case{"HTTP/1.1 200 OK\r\n\r\nhello", "200 hello", true, false},
           Case{"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello", "200 hello", false, false},
           Case{"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\nhello", "200 hello", false,
                true},
           Case{"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello", "200 hello", false, false},
           Case{"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "200 ", false, true, http::Method::head},
           // The body that it speaks of may follow all the same.
           Case{"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", "200 ", false, false, http::Method::head},
           Case{"HTTP/1.1 200 OK\r\n\r\n", "200 ", false, false, http::Method::head},
           Case{"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", "204 ", false, false},
           Case{"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", "304 ", false, true},
           Case{"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhelloHTTP/1.1 ", "200 hello", false, false},
       }) {
    for (const std::size_t slice : {std::size_t{1}, std::size_t{2}, std::size_t{7}, std::size_t{30}, SIZE_MAX}) {
      // Bytes behind the answer are seen when they come with it.
      if (c.answer.ends_with("HTTP/1.1 ") && slice != SIZE_MAX) continue;
      Backend backend({slice, 64 * 1024});
      backend.start(c.method);
      EXPECT_EQ(backend.far->take(), "request");
      backend.answer(c.answer);
      EXPECT_EQ(backend.exchange.done, !c.ends_with_the_connection);
      if (c.ends_with_the_connection) {
        backend.far->close();
        backend.world.run();
      }
      EXPECT_TRUE(backend.exchange.done) << c.answer;
      EXPECT_EQ(backend.exchange.text, c.text);
      EXPECT_EQ(backend.connection->reuse() == Reuse::at_once, c.reusable) << c.answer << slice;
    }
  }
}

// Goal: what is there already behind the head is passed on with it, and nothing waits for what is not. Method: the
// connection gives the head and the first bytes in one read, more in the next; the exchange takes what is buffered.
TEST(Http1ClientConnection, a_head_brings_what_is_at_hand_and_does_not_wait_for_more) {
  constexpr std::string_view kHead = "HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n";
  Backend backend({kHead.size() + 5, 64 * 1024});
  std::size_t first = 0;
  const auto read = [&]() -> net::Awaitable<void> {
    backend.connection->begin(http::Method::get);
    const auto head = co_await backend.connection->read_response(base::kNever);
    if (!head) co_return;
    backend.connection->consume_head();
    const auto run = backend.connection->take_buffered_body();
    first = run ? run->bytes : 0;
  };
  for (const auto& [bytes, expected] : {std::pair("hello", 5U), std::pair("hello hello", 11U)}) {
    backend.world.tasks.spawn(read());
    backend.answer(std::string(kHead) + bytes);
    EXPECT_EQ(first, expected);
    backend.connection->rest();
  }
}

// Goal: what is at hand is read up to a bound. Method: a head that is larger than the bound already, in a buffer that
// has grown for it and has room, with more bytes behind it.
TEST(Http1ClientConnection, a_head_beyond_a_large_block_leaves_what_is_at_hand) {
  Backend backend({100'000, 1024UL * 1024});
  backend.settings.header_bytes = 1024UL * 1024;
  const std::string field = "X-Large: " + std::string(base::kLargeBlockBytes + 1000, 'x') + "\r\n";
  const std::string body(3 * base::kLargeBlockBytes, 'b');
  auto& exchange = backend.start();
  backend.answer("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" + field + "\r\n" + body);
  EXPECT_TRUE(exchange.done);
  EXPECT_TRUE(exchange.text == "200 " + body);
}

TEST(Http1ClientConnection, exchanges_follow_each_other_on_one_connection) {
  Backend backend;
  for (int round = 0; round < 3; ++round) {
    backend.start();
    EXPECT_FALSE(backend.connection->answered());
    backend.answer("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
    EXPECT_TRUE(backend.exchange.done);
    EXPECT_EQ(backend.connection->reuse(), Reuse::at_once);
    backend.connection->rest();
  }
}

// Goal: how far the attempt came is known, for the retry policy. Method: the backend fails after each byte.
TEST(Http1ClientConnection, a_failure_at_any_byte_is_known_with_how_far_the_answer_came) {
  constexpr std::string_view kAnswer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
  for (const End how : {End::closed, End::reset}) {
    for (std::size_t bytes = 0; bytes < kAnswer.size(); ++bytes) {
      Backend backend;
      backend.start();
      EXPECT_EQ(backend.far->take(), "request");
      backend.answer(kAnswer.substr(0, bytes));
      how == End::closed ? backend.far->close() : backend.far->abort();
      backend.world.run();
      ASSERT_TRUE(backend.exchange.error) << bytes;
      EXPECT_EQ(*backend.exchange.error,
                (base::Error{how == End::closed ? ErrorKind::closed : ErrorKind::reset, base::Side::upstream, {}}));
      EXPECT_EQ(backend.connection->answered(), bytes > 0) << bytes;
      EXPECT_TRUE(backend.connection->wrote_anything());
      EXPECT_EQ(backend.connection->reuse(), Reuse::never);
    }
  }
}

TEST(Http1ClientConnection, a_body_until_close_that_is_reset_is_not_complete) {
  Backend backend;
  backend.start();
  EXPECT_EQ(backend.far->take(), "request");
  backend.answer("HTTP/1.1 200 OK\r\n\r\nhello");
  backend.far->abort();
  backend.world.run();
  ASSERT_TRUE(backend.exchange.error);
  EXPECT_EQ(backend.exchange.error->kind, ErrorKind::reset);
}

TEST(Http1ClientConnection, answers_that_are_not_http_are_malformed) {
  for (const std::string_view text :
       {"SSH-2.0\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA : b\r\n\r\n", "HTTP/1.1 200 OK\nContent-Length: 0\n\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "HTTP/1.1 099 No\r\n\r\n"}) {
    Backend backend;
    backend.start();
    backend.answer(text);
    ASSERT_TRUE(backend.exchange.error) << text;
    EXPECT_EQ(*backend.exchange.error, (base::Error{ErrorKind::malformed, base::Side::upstream, {}})) << text;
    EXPECT_TRUE(backend.connection->answered());
    EXPECT_EQ(backend.connection->reuse(), Reuse::never);
  }
}

TEST(Http1ClientConnection, a_head_beyond_the_limit_is_an_error) {
  Backend backend;
  backend.start();
  backend.answer("HTTP/1.1 200 OK\r\nA: " + std::string(2000, 'x'));
  ASSERT_TRUE(backend.exchange.error);
  EXPECT_EQ(backend.exchange.error->kind, ErrorKind::header_too_large);
}

TEST(Http1ClientConnection, the_wait_for_a_head_has_a_deadline_that_can_be_moved) {
  Backend backend;
  backend.start();
  backend.world.pass(Duration(9'000));
  backend.connection->set_response_deadline(backend.world.wheel.after(Duration(5'000)));
  backend.world.pass(Duration(4'980));
  EXPECT_FALSE(backend.exchange.error);
  backend.world.pass(Duration(30));
  ASSERT_TRUE(backend.exchange.error);
  EXPECT_EQ(backend.exchange.error->kind, ErrorKind::timeout);
}

TEST(Http1ClientConnection, a_body_that_stops_is_a_timeout) {
  Backend backend;
  backend.start();
  backend.answer("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe");
  backend.world.pass(Duration(2'980));
  backend.answer("l");
  backend.world.pass(Duration(2'980));
  EXPECT_FALSE(backend.exchange.error);
  backend.world.pass(Duration(40));
  ASSERT_TRUE(backend.exchange.error);
  EXPECT_EQ(backend.exchange.error->kind, ErrorKind::timeout);
}

TEST(Http1ClientConnection, nothing_written_is_told_apart_from_something_written) {
  Backend backend({SIZE_MAX, 3});
  backend.connection->begin(http::Method::get);
  EXPECT_FALSE(backend.connection->wrote_anything());
  backend.start();
  EXPECT_TRUE(backend.connection->wrote_anything()) << "three bytes of seven";
  backend.world.pass(Duration(5'020));
  ASSERT_TRUE(backend.exchange.error);
  EXPECT_EQ(backend.exchange.error->kind, ErrorKind::timeout);
}

}  // namespace
}  // namespace lb::http1
