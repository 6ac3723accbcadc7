// The life of client connections: keeping, pipelining, streaming, leaving.
#include <string>

#include <gtest/gtest.h>

#include "support/balancer.hpp"

namespace lb::e2e {
namespace {

using namespace lb::support;  // NOLINT(google-build-using-namespace): the vocabulary of these tests
using Connection = ScriptedBackend::Connection;

// Goal: pipelined requests are answered in order, though different backends serve them. Method: ten in one write; the
// backends echo the target, and every second one is slower.
TEST(ClientConnection, pipelined_requests_are_answered_in_order) {
  const auto echo = [](Connection& connection) {
    while (auto seen = connection.read_request()) connection.send(ok(seen->head.start_line.substr(4, 2)));
  };
  ScriptedBackend a(echo);
  ScriptedBackend b([](Connection& connection) {
    while (auto seen = connection.read_request()) {
      static_cast<void>(connection.quiet_for(Duration(20)));
      connection.send(ok(seen->head.start_line.substr(4, 2)));
    }
  });
  Balancer balancer({.backends = {&a, &b}});
  Client client(balancer);
  std::string requests;
  std::string expected;
  for (char digit = '0'; digit <= '9'; ++digit) {
    requests += get(std::string("/") + digit);
    expected += std::string("/") + digit;
  }
  client.send(requests);
  std::string answers;
  for (int i = 0; i < 10; ++i) answers += client.read_response().body;
  EXPECT_EQ(answers, expected);
}

// Goal: the last answer of a connection arrives although the client has sent more, which nobody will read: a close()
// with bytes unread resets the connection, and what was not sent yet goes with it. Method: bytes behind requests that
// end their connections, sent while the answer is awaited; HTTP/1.0 clients used to send an empty line behind theirs.
TEST(ClientConnection, last_answer_arrives_whatever_follows_the_request) {
  const std::string body(1000, 'b');
  for (const std::string& request :
       {std::string("GET / HTTP/1.0\r\nHost: h\r\n\r\n"), get("/", "Connection: close\r\n")}) {
    for (const std::string_view more : {"\r\n", "GET /next HTTP/1.1\r\nHost: h\r\n\r\n"}) {
      Gate gate;
      ScriptedBackend backend([&](Connection& connection) {
        while (connection.read_request()) {
          if (!gate.wait()) return;
          connection.send(ok(body));
        }
      });
      Balancer balancer({.backends = {&backend}});
      Client client(balancer);
      client.send(request);
      ASSERT_TRUE(backend.wait_for_requests(1));
      client.send(more);
      gate.open();
      const auto answer = client.read_response();
      EXPECT_EQ(answer.status(), 200) << request << more;
      EXPECT_EQ(answer.body, body);
      EXPECT_EQ(backend.requests().size(), 1U);
    }
  }
}

// Goal: a pipelined request behind one with a body starts exactly behind it. Method: POST, chunked POST and GET in one
// write, with empty lines between, which RFC 9112 section 2.2 asks to ignore.
TEST(ClientConnection, pipelined_requests_with_bodies_are_told_apart) {
  ScriptedBackend backend(always(ok("ok")));
  Balancer balancer({.backends = {&backend}});
  Client client(balancer);
  client.send(request("POST", "GET /inner HTTP/1.1\r\n\r\n") + "\r\n" +
              "POST /c HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n" +
              get("/last"));
  for (int i = 0; i < 3; ++i) EXPECT_EQ(client.read_response().body, "ok");
  const auto seen = backend.requests();
  ASSERT_EQ(seen.size(), 3U);
  EXPECT_EQ(seen[0].message.body, "GET /inner HTTP/1.1\r\n\r\n");
  EXPECT_EQ(seen[1].message.body, "abc");
  EXPECT_EQ(seen[2].message.head.start_line, "GET /last HTTP/1.1");
}

// Goal: "Connection: close" is honoured, and nothing behind it is served. Method: a second request in the same write.
TEST(ClientConnection, close_is_honoured_and_ends_pipelining) {
  ScriptedBackend backend(always(ok("ok")));
  Balancer balancer({.backends = {&backend}});
  Client client(balancer);
  client.send(get("/", "Connection: close\r\n") + get("/more"));
  const Message answer = client.read_response();
  EXPECT_EQ(answer.head.value("Connection"), "close");
  EXPECT_EQ(client.read_to_end(), "");
  EXPECT_EQ(client.ending(), Ending::closed);
  EXPECT_EQ(backend.request_count(), 1U);
}

// Goal: HTTP/1.0 clients get their connection kept when they ask for it, and are told so (as ab -k does it). Method:
// two requests with keep-alive on one connection.
TEST(ClientConnection, http_1_0_with_keep_alive_is_kept) {
  ScriptedBackend backend(always(ok("ok")));
  Balancer balancer({.backends = {&backend}});
  Client client(balancer);
  for (int i = 0; i < 2; ++i) {
    const Message answer = client.ask("GET / HTTP/1.0\r\nHost: test\r\nConnection: Keep-Alive\r\n\r\n");
    EXPECT_EQ(answer.body, "ok");
    EXPECT_EQ(answer.head.value("Connection"), "keep-alive");
  }
  EXPECT_EQ(backend.connections(), 1U);
}

// Goal: without it the connection closes after the answer. Method: as ab does it.
TEST(ClientConnection, http_1_0_without_keep_alive_is_closed) {
  ScriptedBackend backend(always(ok("ok")));
  Balancer balancer({.backends = {&backend}});
  Client client(balancer);
  const Message answer = client.ask("GET / HTTP/1.0\r\nHost: test\r\n\r\n");
  EXPECT_EQ(answer.body, "ok");
  EXPECT_EQ(answer.head.value("Connection"), "close");
  EXPECT_EQ(client.read_to_end(), "");
  EXPECT_EQ(client.ending(), Ending::closed);
}

// Goal: server-sent events pass when they are sent, the head first. Method: the backend goes on only when the client
// has what it sent before; a proxy that collects bytes would never get on.
TEST(ClientConnection, each_piece_of_an_answer_is_passed_on_at_once) {
  Gate head_seen;
  Gate first_seen;
  ScriptedBackend backend([&](Connection& connection) {
    if (!connection.read_request()) return;
    connection.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n");
    if (!head_seen.wait()) return;
    connection.send("9\r\ndata: 1\n\n\r\n");
    if (!first_seen.wait()) return;
    connection.send("9\r\ndata: 2\n\n\r\n0\r\n\r\n");
    static_cast<void>(connection.read_request());
  });
  Balancer balancer({.backends = {&backend}});
  Client client(balancer);
  client.send(get());
  const auto head = client.read_head();
  ASSERT_TRUE(head);
  EXPECT_EQ(head->value("Content-Type"), "text/event-stream");
  head_seen.open();
  EXPECT_EQ(client.read_exactly(14), "9\r\ndata: 1\n\n\r\n");
  first_seen.open();
  EXPECT_EQ(client.read_exactly(19), "9\r\ndata: 2\n\n\r\n0\r\n\r\n");
}

// Goal: both directions of an exchange move at once. Method: the backend echoes each piece of the body before the next
// one is sent.
TEST(ClientConnection, bodies_flow_both_ways_at_once) {
  ScriptedBackend backend([](Connection& connection) {
    if (!connection.read_request_head()) return;
    connection.send("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n");
    for (int i = 0; i < 10; ++i) connection.send(connection.read_exactly(5));
    static_cast<void>(connection.wait_ended());
  });
  Balancer balancer({.backends = {&backend}});
  Client client(balancer);
  client.send("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 50\r\n\r\n");
  ASSERT_TRUE(client.read_head());
  for (int i = 0; i < 10; ++i) {
    const std::string piece = "piec" + std::to_string(i);
    client.send(piece);
    EXPECT_EQ(client.read_exactly(5), piece);
  }
}

// Goal: a client that leaves while it waits ends the upstream exchange promptly, far below any timeout. Method: it
// closes or resets once the backend has the request; the backend, which would never answer, sees its connection end.
TEST(ClientConnection, client_that_leaves_ends_the_waiting_exchange) {
  for (const bool reset : {false, true}) {
    Gate ended;
    ScriptedBackend backend([&ended](Connection& connection) {
      if (connection.read_request() && connection.wait_ended()) ended.open();
    });
    Balancer balancer({.backends = {&backend}});
    Client client(balancer);
    client.send(get());
    ASSERT_TRUE(backend.wait_for_requests(1));
    reset ? client.reset() : client.close();
    EXPECT_TRUE(ended.wait(within(Duration(10'000))));
    EXPECT_EQ(backend.request_count(), 1U);
  }
}

// Goal: the same when the client had begun its next request before it left; before, nobody looked behind those bytes.
// Method: half a head more, then its end.
TEST(ClientConnection, client_that_pipelines_and_leaves_ends_the_waiting_exchange) {
  Gate ended;
  ScriptedBackend backend([&ended](Connection& connection) {
    if (connection.read_request() && connection.wait_ended()) ended.open();
  });
  Balancer balancer({.backends = {&backend}});
  Client client(balancer);
  client.send(get());
  ASSERT_TRUE(backend.wait_for_requests(1));
  client.send("GET /next HTTP/1.1\r\n");
  client.close();
  EXPECT_TRUE(ended.wait(within(Duration(10'000))));
  EXPECT_EQ(backend.request_count(), 1U);
}

// Goal: the same while the answer streams. Method: an endless answer; the backend's writing fails soon after the client
// has gone.
TEST(ClientConnection, client_that_leaves_ends_the_streaming_answer) {
  Gate ended;
  ScriptedBackend backend([&ended](Connection& connection) {
    if (!connection.read_request()) return;
    connection.send("HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n");
    const Deadline deadline = within();
    while (connection.send(std::string(16 * 1024, 'x'), deadline)) {
    }
    if (now() < deadline) ended.open();
  });
  Balancer balancer({.backends = {&backend}});
  Client client(balancer);
  client.send(get());
  ASSERT_FALSE(client.read_exactly(1'000'000).empty());
  client.close();
  EXPECT_TRUE(ended.wait(within(Duration(10'000))));
}

// Goal: the same in the middle of the request's body. Method: half a body, then gone; the backend must not take the
// half for the whole.
TEST(ClientConnection, client_that_leaves_in_its_body_ends_the_exchange) {
  Gate ended;
  ScriptedBackend backend([&ended](Connection& connection) {
    if (!connection.read_request_head()) return;
    EXPECT_FALSE(connection.read_request_body().complete);
    ended.open();
  });
  Balancer balancer({.backends = {&backend}});
  Client client(balancer);
  client.send("POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhalf");
  ASSERT_TRUE(backend.wait_for_requests(1));
  client.close();
  EXPECT_TRUE(ended.wait(within(Duration(10'000))));
  EXPECT_EQ(backend.request_count(), 1U);
}

}  // namespace
}  // namespace lb::e2e
