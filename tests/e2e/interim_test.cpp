// Answers before the answer: 100-continue, 103, and final answers that come before the request has ended.
#include <string>

#include <gtest/gtest.h>

#include "support/balancer.hpp"

namespace lb::e2e {
namespace {

using namespace lb::support;  // NOLINT(google-build-using-namespace): the vocabulary of these tests
using Connection = ScriptedBackend::Connection;

const std::string kExpecting = "PUT / HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n";

// Goal: Expect works end to end: the backend decides, and only then does the body move. Method: the backend sees that
// nothing follows the head before it agrees; the client waits for 100 and sends.
TEST(Interim, body_follows_only_when_the_backend_agreed) {
  ScriptedBackend backend([](Connection& connection) {
    while (connection.read_request_head()) {
      EXPECT_TRUE(connection.quiet_for(Duration(150)));
      connection.send("HTTP/1.1 100 Continue\r\n\r\n");
      EXPECT_EQ(connection.read_request_body().body, "12345");
      connection.send(ok("done"));
    }
  });
  Balancer balancer({.backends = {&backend}});
  Client client(balancer);
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(client.ask(kExpecting).head.start_line, "HTTP/1.1 100 Continue");
    EXPECT_EQ(client.ask("12345").body, "done");
  }
  EXPECT_EQ(backend.requests()[0].message.head.value("Expect"), "100-continue");
}

// Goal: a backend that refuses at once spares the client the body: its answer stands in the place of 100, and the
// connection ends, for nobody knows whether the body will come. Method: 417, and a client that sends nothing.
TEST(Interim, final_answer_instead_of_100_reaches_the_client) {
  ScriptedBackend backend([](Connection& connection) {
    if (!connection.read_request_head()) return;
    connection.send("HTTP/1.1 417 No\r\nContent-Length: 2\r\n\r\nno");
    static_cast<void>(connection.wait_ended());
  });
  Balancer balancer({.backends = {&backend}});
  Client client(balancer);
  const Message answer = client.ask(kExpecting);
  EXPECT_EQ(answer.status(), 417);
  EXPECT_EQ(answer.body, "no");
  EXPECT_EQ(answer.head.value("Connection"), "close");
  client.shutdown_send();
  EXPECT_TRUE(client.wait_ended());
}

// Goal: as long as the body was held back a retry is possible, and the client never notices. Method: the first backend
// closes after the head, the second agrees.
TEST(Interim, refusal_to_talk_before_100_is_retried_elsewhere) {
  ScriptedBackend bad([](Connection& connection) { static_cast<void>(connection.read_request_head()); });
  ScriptedBackend good([](Connection& connection) {
    if (!connection.read_request_head()) return;
    connection.send("HTTP/1.1 100 Continue\r\n\r\n");
    static_cast<void>(connection.read_request_body());
    connection.send(ok("good"));
  });
  Balancer balancer({.backends = {&bad, &good}});
  Client client(balancer);
  EXPECT_EQ(client.ask(kExpecting).status(), 100);
  EXPECT_EQ(client.ask("12345").body, "good");
  EXPECT_EQ(good.requests()[0].message.body, "12345");
}

// Goal: a client that asked and then does not wait (RFC 9110 section 10.1.1 allows it) is served, even by a backend
// that never says 100. Method: head and body in one write.
TEST(Interim, client_that_does_not_wait_for_100_is_served) {
  ScriptedBackend backend([](Connection& connection) {
    if (!connection.read_request_head()) return;
    EXPECT_EQ(connection.read_request_body().body, "12345");
    connection.send(ok("done"));
  });
  Balancer balancer({.backends = {&backend}});
  EXPECT_EQ(ask_once(balancer, kExpecting + "12345").body, "done");
}

// Goal: 100 without a request for it is legal from a backend and of no use to the client. Method: an ordinary request;
// the client must see the final answer alone.
TEST(Interim, unasked_100_is_swallowed) {
  ScriptedBackend backend(always("HTTP/1.1 100 Continue\r\n\r\n" + ok("done")));
  Balancer balancer({.backends = {&backend}});
  Client client(balancer);
  EXPECT_EQ(client.ask(get()).body, "done");
  EXPECT_EQ(client.ask(get()).body, "done");
}

// Goal: 103 passes at once, with its fields, before the final answer exists. Method: the backend waits until the client
// has it.
TEST(Interim, early_hints_pass_at_once) {
  Gate hinted;
  ScriptedBackend backend([&hinted](Connection& connection) {
    if (!connection.read_request()) return;
    connection.send("HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\nLink: </b.js>; rel=preload\r\n\r\n");
    if (hinted.wait()) connection.send("HTTP/1.1 103 Early Hints\r\nX-Second: 1\r\n\r\n" + ok("done"));
    static_cast<void>(connection.read_request());
  });
  Balancer balancer({.backends = {&backend}});
  Client client(balancer);
  const Message hints = client.ask(get());
  EXPECT_EQ(hints.head.text,
            "HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\nLink: </b.js>; rel=preload\r\n\r\n");
  hinted.open();
  EXPECT_EQ(client.read_response().head.value("X-Second"), "1");
  EXPECT_EQ(client.read_response().body, "done");
}

// Goal: HTTP/1.0 has no 1xx: such a client would take it for the answer. Method: the same for HTTP/1.0.
TEST(Interim, early_hints_are_kept_from_http_1_0) {
  ScriptedBackend backend(always("HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n" + ok("done")));
  Balancer balancer({.backends = {&backend}});
  const Message answer = ask_once(balancer, "GET / HTTP/1.0\r\n\r\n");
  EXPECT_EQ(answer.status(), 200);
  EXPECT_EQ(answer.body, "done");
}

// Goal: an answer that comes before the request's body has ended reaches the client at once, whole, and ends the
// connection; what the client still sends is not taken for a request. Method: the client sends a tenth of its body,
// reads the answer, then sends what looks like a request.
TEST(Interim, answer_before_the_end_of_the_body_ends_the_connection) {
  ScriptedBackend backend([](Connection& connection) {
    if (!connection.read_request_head()) return;
    connection.send(ok("early"));
    static_cast<void>(connection.wait_ended());
  });
  Balancer balancer({.backends = {&backend}});
  Client client(balancer);
  client.send("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 1000\r\n\r\n" + std::string(100, 'x'));
  const Message answer = client.read_response();
  EXPECT_EQ(answer.body, "early");
  EXPECT_EQ(answer.head.value("Connection"), "close");
  client.send(get("/smuggled"));
  EXPECT_EQ(client.read_to_end(), "");
  EXPECT_EQ(backend.request_count(), 1U);
}

// Goal: a backend that refuses a large upload with an answer and closes is heard, although writing to it fails. Method:
// it answers 413 after the head and closes with the body unread; the client sends without a pause.
TEST(Interim, early_refusal_of_a_large_upload_is_heard) {
  ScriptedBackend backend([](Connection& connection) {
    if (!connection.read_request_head()) return;
    connection.send("HTTP/1.1 413 Too Much\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig");
    connection.shutdown_send();
    static_cast<void>(connection.wait_ended());
  });
  Balancer balancer({.backends = {&backend}});
  Client client(balancer);
  client.send("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 1000000\r\n\r\n");
  client.send(std::string(500'000, 'x'));
  const Message answer = client.read_response();
  EXPECT_EQ(answer.status(), 413);
  EXPECT_EQ(answer.body, "big");
}

}  // namespace
}  // namespace lb::e2e
