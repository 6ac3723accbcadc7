// Where messages end, on both sides: lengths, chunks, trailers, closes, and answers that have no body.
#include <string>

#include <gtest/gtest.h>

#include "support/balancer.hpp"

namespace lb::e2e {
namespace {

using namespace lb::support;  // NOLINT(google-build-using-namespace): the vocabulary of these tests
using Connection = ScriptedBackend::Connection;

const std::string kChunkedAnswer =
    "HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n"
    "6;ext=\"1\"\r\nchunky\r\n5\r\n body\r\n0\r\nX-Sum: 11\r\nx-second: 2\r\n\r\n";

// Goal: a chunked request body arrives whole, with its trailers, and the connection goes on behind it. Method: odd
// chunk sizes, an extension (which may be dropped), trailers, and the next request in the same segment.
TEST(Framing, chunked_request_with_trailers_passes) {
  ScriptedBackend backend(always(ok("fine")));
  Balancer balancer({.backends = {&backend}});
  Client client(balancer);
  client.send(
      "POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n"
      "1;a=b\r\nx\r\n00A\r\n0123456789\r\n0\r\nX-Sum: 11\r\n\r\n" +
      get("/next"));
  EXPECT_EQ(client.read_response().body, "fine");
  EXPECT_EQ(client.read_response().body, "fine");
  const auto seen = backend.requests();
  ASSERT_EQ(seen.size(), 2U);
  EXPECT_EQ(seen[0].message.body, "x0123456789");
  EXPECT_EQ(seen[0].message.trailers, "X-Sum: 11\r\n");
  EXPECT_EQ(seen[0].message.head.values("Transfer-Encoding"), std::vector<std::string>{"chunked"});
  EXPECT_FALSE(seen[0].message.head.has("Content-Length"));
  EXPECT_EQ(seen[1].message.head.start_line, "GET /next HTTP/1.1");
}

// Goal: a chunked answer with trailers passes, on a connection that goes on. Method: twice on one connection; the
// backend sees one connection, too.
TEST(Framing, chunked_answer_with_trailers_passes) {
  ScriptedBackend backend(always(kChunkedAnswer));
  Balancer balancer({.backends = {&backend}});
  Client client(balancer);
  for (int i = 0; i < 2; ++i) {
    const Message answer = client.ask(get("/", "TE: trailers\r\nConnection: TE\r\n"));
    EXPECT_TRUE(answer.complete);
    EXPECT_EQ(answer.body, "chunky body");
    EXPECT_EQ(answer.trailers, "X-Sum: 11\r\nx-second: 2\r\n");
    EXPECT_EQ(answer.head.value("Trailer"), "X-Sum");
  }
  EXPECT_EQ(backend.connections(), 1U);
}

// Goal: an HTTP/1.0 client cannot read chunks: it gets the plain bytes and then the end. Method: the same answer;
// nothing of the chunk framing or the trailers may show.
TEST(Framing, chunked_answer_is_plain_and_closed_for_http_1_0) {
  ScriptedBackend backend(always(kChunkedAnswer));
  Balancer balancer({.backends = {&backend}});
  Client client(balancer);
  const Message answer = client.ask("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_FALSE(answer.head.has("Transfer-Encoding"));
  EXPECT_FALSE(answer.head.has("Trailer"));
  EXPECT_EQ(answer.head.value("Connection"), "close");
  EXPECT_EQ(answer.body, "chunky body");
  EXPECT_EQ(client.ending(), Ending::closed);
}

// Goal: an answer that only its connection's end delimits becomes chunked, so that a cut would show and the client's
// connection lives on. Method: a backend that closes, twice for one client.
TEST(Framing, close_delimited_answer_is_reframed_as_chunked) {
  ScriptedBackend backend([](Connection& connection) {
    if (connection.read_request()) connection.send("HTTP/1.1 200 OK\r\nX-A: 1\r\n\r\nuntil the end");
  });
  Balancer balancer({.backends = {&backend}});
  Client client(balancer);
  for (int i = 0; i < 2; ++i) {
    const Message answer = client.ask(get());
    EXPECT_EQ(answer.head.value("Transfer-Encoding"), "chunked");
    EXPECT_TRUE(answer.complete);
    EXPECT_EQ(answer.body, "until the end");
  }
}

// Goal: for HTTP/1.0 such an answer stays as it is, and its end is orderly. Method: as above.
TEST(Framing, close_delimited_answer_stays_so_for_http_1_0) {
  ScriptedBackend backend([](Connection& connection) {
    if (connection.read_request()) connection.send("HTTP/1.0 200 OK\r\n\r\nuntil the end");
  });
  Balancer balancer({.backends = {&backend}});
  Client client(balancer);
  const Message answer = client.ask("GET / HTTP/1.0\r\n\r\n");
  EXPECT_FALSE(answer.head.has("Transfer-Encoding"));
  EXPECT_EQ(answer.body, "until the end");
  EXPECT_TRUE(answer.complete);
}

// Goal: a close-delimited answer that ends in a reset is not complete, and must not look so. Method: the reset comes
// once the client has the first bytes.
TEST(Framing, close_delimited_answer_that_is_reset_is_a_visible_cut) {
  for (const std::string& text : {get(), std::string("GET / HTTP/1.0\r\n\r\n")}) {
    Gate seen;
    ScriptedBackend backend([&seen](Connection& connection) {
      if (!connection.read_request()) return;
      connection.send("HTTP/1.1 200 OK\r\n\r\nuntil");
      if (seen.wait()) connection.reset();
    });
    Balancer balancer({.backends = {&backend}});
    Client client(balancer);
    client.send(text);
    Message answer;
    answer.head = *client.read_head();
    seen.open();
    client.read_body(answer, Kind::response);
    EXPECT_FALSE(answer.complete) << text;
  }
}

// Goal: answers that have no body end with their head, whatever their fields promise (RFC 9112 section 6.3), and the
// connection goes on. Method: HEAD with a length and with chunked, 204, 304 with a length, each followed by an ordinary
// answer on the same connections.
TEST(Framing, answers_without_a_body_end_with_their_head) {
  std::string answer;
  ScriptedBackend backend([&answer](Connection& connection) {
    while (auto seen = connection.read_request()) {
      connection.send(seen->head.start_line.find("/next") != std::string::npos ? ok("next") : answer);
    }
  });
  Balancer balancer({.backends = {&backend}});
  Client client(balancer);
  const auto check = [&](const std::string& text, const std::string& reply, Kind kind) {
    SCOPED_TRACE(reply);
    answer = reply;
    const Message got = client.ask(text, kind);
    EXPECT_EQ(got.head.start_line, reply.substr(0, reply.find('\r')));
    EXPECT_EQ(client.ask(get("/next")).body, "next");
    return got;
  };
  const std::string head_request = "HEAD / HTTP/1.1\r\nHost: test\r\n\r\n";
  const Message length = check(head_request, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", Kind::response_to_head);
  EXPECT_EQ(length.head.value("Content-Length"), "1000");
  check(head_request, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", Kind::response_to_head);
  check(head_request, "HTTP/1.1 404 Not Found\r\n\r\n", Kind::response_to_head);
  const Message none = check(get(), "HTTP/1.1 204 No Content\r\n\r\n", Kind::response);
  EXPECT_FALSE(none.head.has("Content-Length"));
  EXPECT_FALSE(none.head.has("Transfer-Encoding"));
  const Message same =
      check(get(), "HTTP/1.1 304 Not Modified\r\nContent-Length: 77\r\nETag: \"x\"\r\n\r\n", Kind::response);
  EXPECT_EQ(same.head.value("Content-Length"), "77");
  check(get(), "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", Kind::response);
  // A backend may send the body that its answer to HEAD speaks of: each of those three ends its connection.
  EXPECT_EQ(backend.connections(), 4U);
}

// Goal: a body's bytes may come in any pieces. Method: head and chunked body of both messages one byte at a time.
TEST(Framing, messages_may_come_byte_by_byte) {
  const auto trickle = [](Wire& wire, const std::string& bytes) {
    for (const char byte : bytes) wire.send(std::string(1, byte));
  };
  ScriptedBackend backend([&trickle](Connection& connection) {
    while (connection.read_request()) trickle(connection, kChunkedAnswer);
  });
  Balancer balancer({.backends = {&backend}});
  Client client(balancer);
  for (int i = 0; i < 3; ++i) {
    trickle(client, "POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nT: 1\r\n\r\n");
    const Message answer = client.read_response();
    EXPECT_EQ(answer.body, "chunky body");
    EXPECT_EQ(answer.trailers, "X-Sum: 11\r\nx-second: 2\r\n");
  }
  EXPECT_EQ(backend.requests().back().message.body, "abc");
}

// Goal: bytes behind an answer never become the answer to somebody else's request. Method: a forged answer behind a
// true one, at once and later while the connection idles; the next client must get its own, on a new connection.
TEST(Framing, surplus_bytes_behind_an_answer_never_reach_the_next_client) {
  for (const bool later : {false, true}) {
    Gate first_read;
    Gate surplus_sent;
    ScriptedBackend backend([&](Connection& connection) {
      if (!connection.read_request()) return;
      if (connection.number() > 1) {
        do {
          connection.send(ok("true"));
        } while (connection.read_request());
        return;
      }
      connection.send(later ? ok("true") : ok("true") + ok("forged"));
      if (later && first_read.wait()) connection.send(ok("forged"));
      surplus_sent.open();
      static_cast<void>(connection.wait_ended());
    });
    Balancer balancer({.backends = {&backend}});
    Client first(balancer);
    EXPECT_EQ(first.ask(get()).body, "true");
    first_read.open();
    ASSERT_TRUE(surplus_sent.wait());
    EXPECT_EQ(ask_once(balancer, get()).body, "true");
    EXPECT_EQ(first.ask(get()).body, "true");
    EXPECT_GE(backend.connections(), 2U);
  }
}

// Goal: a backend that announces its close is believed: its connection is not used again, and no request is lost.
// Method: it keeps the connection open all the same, which would swallow a second request.
TEST(Framing, announced_close_ends_the_upstream_connection) {
  ScriptedBackend backend([](Connection& connection) {
    if (!connection.read_request()) return;
    connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok");
    static_cast<void>(connection.wait_ended());
  });
  Balancer balancer({.backends = {&backend}});
  Client client(balancer);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(client.ask(request("POST", "x")).body, "ok");
  EXPECT_EQ(backend.connections(), 3U);
}

}  // namespace
}  // namespace lb::e2e
