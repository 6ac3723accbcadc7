#include "http1/server_connection.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "http1/server_connection.hpp"
#include "support/memory_stream.hpp"

namespace lb::http1 {
namespace {

using base::Duration;
using base::ErrorKind;
using test::MemoryStream;
using test::World;
using Connection = ServerConnection;
using End = MemoryStream::End;

Settings test_settings() {
  Settings settings;
  settings.timeouts.header = Duration(10'000);
  settings.timeouts.body_idle = Duration(5'000);
  settings.timeouts.write_idle = Duration(5'000);
  settings.timeouts.keep_alive_idle = Duration(60'000);
  settings.header_bytes = 1024;
  settings.header_count = 10;
  return settings;
}

// A server that notes the requests of one connection, answers each with "ok\n", and finishes the connection.
struct Recorder {
  net::Awaitable<void> serve(Connection& connection) {
    for (;;) {
      const Arrival came = co_await connection.wait_for_request();
      if (came == Arrival::nobody) break;
      const auto arrival = co_await connection.read_request();
      if (!arrival) {
        error = arrival.error();
        break;
      }
      if (*arrival == Arrival::nobody) break;
      std::string request;
      request.append(connection.request().method_name).append(" ").append(connection.request().target).append(" ");
      connection.consume_head();
      bool broken = false;
      while (!connection.body_ended()) {
        const auto run = co_await connection.read_body();
        if (!run) {
          error = run.error();
          broken = true;
          break;
        }
        for (const auto& piece : run->pieces) request.append(static_cast<const char*>(piece.data()), piece.size());
      }
      if (broken) break;
      request.append(connection.request_trailers());
      requests.push_back(request);
      net::BufferList buffers;
      buffers.emplace_back("ok\n", 3);
      const auto written = co_await connection.write(buffers);
      if (!written || !connection.options().keep_alive || connection.draining()) break;
    }
    ended = true;
    co_await connection.finish(Linger::if_unread);
    finished = true;
  }

  std::vector<std::string> requests;
  std::optional<base::Error> error;
  bool ended = false;     // reads no more requests
  bool finished = false;  // closed
};

struct Server {
  explicit Server(Settings its_settings = test_settings(), MemoryStream::Options options = {})
      : settings(its_settings) {
    auto pair = MemoryStream::connected(world, base::Side::downstream, options);
    client = std::move(pair.second);
    connection.emplace(std::move(pair.first), states, world.sessions, message::Peer{"192.0.2.1"});
    world.tasks.spawn(recorder.serve(*connection));
    world.run();
  }
  ~Server() {
    connection->abort();
    world.run();
    EXPECT_TRUE(recorder.finished);
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  void send(std::string_view bytes) {
    EXPECT_EQ(client->put(bytes), bytes.size());
    world.run();
  }

  World world;
  Settings settings;
  Recorder recorder;
  RequestStates states{world.blocks, settings};
  std::unique_ptr<MemoryStream> client;
  std::optional<Connection> connection;
};

const std::string kGet = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";

const std::string kConversation =
    "\r\nGET /1 HTTP/1.1\r\nHost: h\r\n\r\n"
    "POST /2 HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbody"
    "\r\n\r\nPUT /3 HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x\r\nde\r\n0\r\nT: u\r\n\r\n"
    "DELETE /4 HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n"
    "GET /5 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\nGET /never HTTP/1.1\r\nHost: h\r\n\r\n";

// Goal: how the bytes are cut on their way changes nothing. Method: all at once and in slices of every size.
TEST(Http1ServerConnection, any_slicing_gives_the_same_requests) {
  std::vector<std::size_t> slices;
  for (std::size_t slice = 1; slice <= 40; ++slice) slices.push_back(slice);
  slices.push_back(SIZE_MAX);
  for (std::size_t i = 0; i < 2 * slices.size(); ++i) {
    const std::size_t slice = slices[i / 2];
    Server server(test_settings(), {slice, 64 * 1024, i % 2 == 0});
    server.send(kConversation);
    EXPECT_EQ(server.recorder.requests,
              (std::vector<std::string>{"GET /1 ", "POST /2 body", "PUT /3 abcdeT: u\r\n", "DELETE /4 ", "GET /5 "}))
        << slice;
    EXPECT_EQ(server.client->take(), "ok\nok\nok\nok\nok\n") << slice;
  }
}

// Method: two deliveries with a pause between them, at every byte.
TEST(Http1ServerConnection, a_pause_at_any_byte_changes_nothing) {
  for (std::size_t at = 0; at < kConversation.size(); ++at) {
    Server server;
    server.send(kConversation.substr(0, at));
    server.world.pass(Duration(1'500));
    if (server.recorder.ended) break;  // behind the last request
    server.send(kConversation.substr(at));
    EXPECT_EQ(server.recorder.requests.size(), 5U) << at;
  }
}

TEST(Http1ServerConnection, a_head_that_does_not_end_in_time_is_a_timeout) {
  Server server;
  server.world.pass(Duration(9'000));
  server.send("GET / HT");
  server.world.pass(Duration(9'990));
  EXPECT_FALSE(server.recorder.ended) << "the time begins with the first byte";
  // A byte now and then does not extend it.
  server.send("T");
  server.world.pass(Duration(30));
  ASSERT_TRUE(server.recorder.error);
  EXPECT_EQ(*server.recorder.error, (base::Error{ErrorKind::timeout, base::Side::downstream, {}}));
}

TEST(Http1ServerConnection, a_connection_without_a_first_request_ends_silently) {
  Server server;
  server.world.pass(Duration(9'990));
  EXPECT_FALSE(server.recorder.ended);
  server.world.pass(Duration(30));
  EXPECT_TRUE(server.recorder.finished);
  EXPECT_FALSE(server.recorder.error);
  EXPECT_EQ(server.client->take(), "");
  EXPECT_EQ(server.client->peer_end(), End::closed);
}

TEST(Http1ServerConnection, a_connection_that_idles_between_requests_ends_silently) {
  Server server;
  server.send(kGet);
  EXPECT_EQ(server.client->take(), "ok\n");
  server.world.pass(Duration(59'980));
  server.send(kGet);
  EXPECT_EQ(server.client->take(), "ok\n") << "also after the buffers were given back";
  server.world.pass(Duration(59'980));
  EXPECT_FALSE(server.recorder.ended);
  server.world.pass(Duration(40));
  EXPECT_TRUE(server.recorder.finished);
  EXPECT_FALSE(server.recorder.error);
  EXPECT_EQ(server.client->peer_end(), End::closed);
}

// Goal: a connection that waits for a request has no buffer. Method: the pool's free ones, of the one that it needed;
// the other kind of stream keeps it for a second.
TEST(Http1ServerConnection, a_connection_that_waits_holds_no_buffer) {
  for (const bool reads_ahead : {true, false}) {
    Server server(test_settings(), {.reads_ahead = reads_ahead});
    for (int request = 0; request < 2; ++request) {
      server.send(kGet);
      EXPECT_EQ(server.client->take(), "ok\n");
      EXPECT_EQ(server.world.blocks.free_count(), reads_ahead ? 1U : 0U);
      server.world.pass(Duration(1'020));
      EXPECT_EQ(server.world.blocks.free_count(), 1U);
    }
    server.send(kGet.substr(0, 5));
    EXPECT_EQ(server.world.blocks.free_count(), 0U);
  }
}

// Their states are lent in turn: nothing of one request is left for another connection's.
TEST(Http1ServerConnection, a_body_that_broke_off_leaves_nothing_behind) {
  Server server;
  server.send("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab");
  server.client->abort();
  server.world.run();
  ASSERT_TRUE(server.recorder.finished);
  server.connection.reset();
  auto pair = MemoryStream::connected(server.world, base::Side::downstream, {});
  server.client = std::move(pair.second);
  server.connection.emplace(std::move(pair.first), server.states, server.world.sessions, message::Peer{"192.0.2.1"});
  server.recorder = {};
  server.world.tasks.spawn(server.recorder.serve(*server.connection));
  server.send(kGet);
  EXPECT_EQ(server.recorder.requests, std::vector<std::string>{"GET / "});
}

TEST(Http1ServerConnection, a_client_that_leaves_is_nobody_wherever_it_stops) {
  for (std::size_t at = 0; at <= kGet.size(); ++at) {
    for (const End how : {End::closed, End::reset}) {
      Server server;
      server.send(kGet.substr(0, at));
      how == End::closed ? server.client->close() : server.client->abort();
      server.world.run();
      EXPECT_TRUE(server.recorder.finished) << at;
      EXPECT_FALSE(server.recorder.error) << at;
    }
  }
}

TEST(Http1ServerConnection, empty_lines_before_a_request_are_bounded) {
  std::string lines;
  for (std::size_t i = 0; i < base::kLeadingEmptyLinesMax; ++i) lines += "\r\n";
  Server good;
  good.send(lines + kGet);
  EXPECT_EQ(good.recorder.requests.size(), 1U);
  Server bad;
  bad.send(lines + "\r\n" + kGet);
  ASSERT_TRUE(bad.recorder.error);
  EXPECT_EQ(bad.recorder.error->kind, ErrorKind::malformed);
}

struct Refused {
  std::string text;
  ErrorKind kind;
};

TEST(Http1ServerConnection, requests_that_must_not_be_served_are_errors_in_any_slicing) {
  for (const Refused& c : std::vector<Refused>{
           {"GARBAGE\r\n\r\n", ErrorKind::malformed},
           {"\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", ErrorKind::malformed},
           {"GET / HTTP/1.1\r\n\r\n", ErrorKind::malformed},
           {"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", ErrorKind::malformed},
           {"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            ErrorKind::malformed},
           {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", ErrorKind::unsupported_coding},
           {"CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", ErrorKind::method_not_allowed},
           {"GET / HTTP/2.0\r\nHost: h\r\n\r\n", ErrorKind::unsupported_version},
           {"GET /" + std::string(1100, 'x') + " HTTP/1.1\r\nHost: h\r\n\r\n", ErrorKind::target_too_long},
           {"GET / HTTP/1.1\r\nHost: h\r\nX: " + std::string(1100, 'x') + "\r\n\r\n", ErrorKind::header_too_large},
           {"GET / HTTP/1.1\r\nHost: h\r\nA:\r\nA:\r\nA:\r\nA:\r\nA:\r\nA:\r\nA:\r\nA:\r\nA:\r\nA:\r\n\r\n",
            ErrorKind::header_too_large},
           {"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", ErrorKind::malformed},
       }) {
    for (const std::size_t slice : {std::size_t{1}, std::size_t{13}, SIZE_MAX}) {
      Server server(test_settings(), {slice, 64 * 1024});
      server.send(c.text);
      ASSERT_TRUE(server.recorder.error) << c.text;
      EXPECT_EQ(*server.recorder.error, (base::Error{c.kind, base::Side::downstream, {}}))
          << c.text << server.recorder.error->detail;
    }
  }
}

TEST(Http1ServerConnection, a_body_beyond_the_limit_is_an_error) {
  Settings settings = test_settings();
  settings.body_bytes = 5;
  for (const std::string text :
       {"Content-Length: 6\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n"}) {
    Server server(settings);
    server.send("POST / HTTP/1.1\r\nHost: h\r\n" + text);
    ASSERT_TRUE(server.recorder.error);
    EXPECT_EQ(server.recorder.error->kind, ErrorKind::body_too_large);
  }
  for (const std::string text :
       {"Content-Length: 5\r\n\r\nabcde", "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"}) {
    Server server(settings);
    server.send("POST / HTTP/1.1\r\nHost: h\r\n" + text + "POST / HTTP/1.1\r\nHost: h\r\n" + text);
    EXPECT_EQ(server.recorder.requests, (std::vector<std::string>{"POST / abcde", "POST / abcde"}))
        << "for each request";
  }
}

TEST(Http1ServerConnection, a_body_that_stops_is_a_timeout_and_one_that_crawls_is_not) {
  Server server;
  server.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\n");
  for (const std::string_view byte : {"a", "b", "c"}) {
    server.world.pass(Duration(4'980));
    EXPECT_FALSE(server.recorder.ended);
    server.send(byte);
  }
  server.world.pass(Duration(5'020));
  ASSERT_TRUE(server.recorder.error);
  EXPECT_EQ(server.recorder.error->kind, ErrorKind::timeout);
}

TEST(Http1ServerConnection, a_body_that_breaks_off_is_closed_or_reset) {
  for (const End how : {End::closed, End::reset}) {
    Server server;
    server.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nab");
    how == End::closed ? server.client->close() : server.client->abort();
    server.world.run();
    ASSERT_TRUE(server.recorder.error);
    EXPECT_EQ(server.recorder.error->kind, how == End::closed ? ErrorKind::closed : ErrorKind::reset);
  }
}

}  // namespace
}  // namespace lb::http1
