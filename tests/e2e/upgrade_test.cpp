// Upgrades: a tunnel after 101 and not before, with each direction's end passed on by itself.
#include <string>

#include <gtest/gtest.h>

#include "support/balancer.hpp"

namespace lb::e2e {
namespace {

using namespace lb::support;  // NOLINT(google-build-using-namespace): the vocabulary of these tests
using Connection = ScriptedBackend::Connection;

const std::string kUpgrade =
    get("/chat",
        "Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n");
const std::string kSwitching =
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n";

// Goal: after 101 bytes pass both ways as they are, those behind the heads included. Method: the backend greets in the
// same write as its 101; both sides send what no HTTP parser would like.
TEST(Upgrade, tunnel_carries_bytes_both_ways) {
  ScriptedBackend backend([](Connection& connection) {
    const auto head = connection.read_request_head();
    if (!head) return;
    EXPECT_EQ(head->value("Upgrade"), "websocket");
    EXPECT_NE(head->value("Connection").find("pgrade"), std::string::npos);
    EXPECT_EQ(head->value("Sec-WebSocket-Key"), "dGhlIHNhbXBsZSBub25jZQ==");
    connection.send(kSwitching + "hello");
    for (int i = 0; i < 3; ++i) connection.send(connection.read_exactly(4));
    static_cast<void>(connection.wait_ended());
  });
  Balancer balancer({.backends = {&backend}});
  Client client(balancer);
  client.send(kUpgrade);
  const auto head = client.read_head();
  ASSERT_TRUE(head);
  EXPECT_EQ(head->start_line, "HTTP/1.1 101 Switching Protocols");
  EXPECT_EQ(head->value("Upgrade"), "websocket");
  EXPECT_EQ(head->value("Sec-WebSocket-Accept"), "x");
  EXPECT_EQ(head->values("Connection").size(), 1U);
  EXPECT_EQ(client.read_exactly(5), "hello");
  for (const std::string& piece : {std::string("\0\xff\r\n", 4), std::string("GET "), std::string("\x81\x05 x")}) {
    client.send(piece);
    EXPECT_EQ(client.read_exactly(4), piece);
  }
}

// Goal: each direction ends by itself. Method: the client ends its side; the backend sees that, still says something,
// and ends; the client gets it and an orderly end. Then the other way round.
TEST(Upgrade, half_close_is_passed_on_in_both_directions) {
  Gate checked;
  ScriptedBackend backend([&checked](Connection& connection) {
    if (!connection.read_request_head()) return;
    connection.send(kSwitching);
    if (connection.number() == 1) {
      EXPECT_EQ(connection.read_to_end(), "from the client");
      EXPECT_EQ(connection.ending(), Ending::closed);
      connection.send("after the end");
    } else {
      connection.send("from the backend");
      connection.shutdown_send();
      EXPECT_EQ(connection.read_to_end(), "after the end");
      EXPECT_EQ(connection.ending(), Ending::closed);
      checked.open();
    }
  });
  Balancer balancer({.backends = {&backend}});
  {
    Client client(balancer);
    client.send(kUpgrade);
    ASSERT_TRUE(client.read_head());
    client.send("from the client");
    client.shutdown_send();
    EXPECT_EQ(client.read_to_end(), "after the end");
    EXPECT_EQ(client.ending(), Ending::closed);
  }
  Client client(balancer);
  client.send(kUpgrade);
  ASSERT_TRUE(client.read_head());
  EXPECT_EQ(client.read_to_end(), "from the backend");
  client.send("after the end");
  client.close();
  EXPECT_TRUE(checked.wait());
}

// Goal: a client that vanishes takes the tunnel with it. Method: a reset; the backend's side ends.
TEST(Upgrade, reset_ends_the_other_side) {
  Gate ended;
  ScriptedBackend backend([&ended](Connection& connection) {
    if (!connection.read_request_head()) return;
    connection.send(kSwitching);
    if (connection.wait_ended()) ended.open();
  });
  Balancer balancer({.backends = {&backend}});
  Client client(balancer);
  client.send(kUpgrade);
  ASSERT_TRUE(client.read_head());
  client.reset();
  EXPECT_TRUE(ended.wait(within(Duration(10'000))));
}

// Goal: a refused upgrade is an ordinary answer, and everything stays HTTP. Method: 400 and 200 instead of 101, then an
// ordinary request on the same connections.
TEST(Upgrade, refused_upgrade_is_an_ordinary_answer) {
  ScriptedBackend backend([](Connection& connection) {
    while (connection.read_request()) {
      connection.send(connection.request_number() == 1 ? "HTTP/1.1 400 Bad Handshake\r\nContent-Length: 2\r\n\r\nno"
                                                       : ok("plain"));
    }
  });
  Balancer balancer({.backends = {&backend}});
  Client client(balancer);
  const Message refused = client.ask(kUpgrade);
  EXPECT_EQ(refused.status(), 400);
  EXPECT_EQ(refused.body, "no");
  EXPECT_EQ(client.ask(kUpgrade).body, "plain");
  EXPECT_EQ(client.ask(get()).body, "plain");
  EXPECT_EQ(backend.connections(), 1U);
}

// Goal: RFC 9110 section 15.5.22: 426 keeps naming its protocol. Method: such an answer.
TEST(Upgrade, upgrade_required_keeps_its_upgrade_field) {
  ScriptedBackend backend(
      always("HTTP/1.1 426 Upgrade Required\r\nUpgrade: TLS/1.2\r\nConnection: upgrade\r\nContent-Length: 0\r\n\r\n"));
  Balancer balancer({.backends = {&backend}});
  EXPECT_EQ(ask_once(balancer, get()).head.value("Upgrade"), "TLS/1.2");
}

// Goal: an upgrade to h2c would open a way for requests that nobody checks: it is not passed on, and the request is an
// ordinary one. Method: what curl --http2 sends.
TEST(Upgrade, h2c_is_not_passed_on) {
  ScriptedBackend backend(always(ok("plain")));
  Balancer balancer({.backends = {&backend}});
  const Message answer =
      ask_once(balancer,
               get("/", "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n"));
  EXPECT_EQ(answer.body, "plain");
  const Head head = backend.requests()[0].message.head;
  EXPECT_FALSE(head.has("Upgrade"));
  EXPECT_FALSE(head.has("Connection"));
  EXPECT_FALSE(head.has("HTTP2-Settings"));
}

// Goal: 101 that nobody asked for must not open a tunnel. Method: to GET and to an upgrade that HTTP/1.0 cannot ask
// for; what follows the 101 reaches no client.
TEST(Upgrade, unasked_101_is_a_broken_answer) {
  ScriptedBackend backend([](Connection& connection) {
    if (connection.read_request()) connection.send(kSwitching + ok("forged"));
  });
  Balancer balancer({.backends = {&backend}, .toml = "[retry]\nattempts = 1\n"});
  for (const std::string& text : {get(), request("POST", "x"),
                                  std::string("GET / HTTP/1.0\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n")}) {
    const Message answer = ask_once(balancer, text);
    EXPECT_EQ(answer.status(), 502) << text;
    EXPECT_EQ(answer.body.find("forged"), std::string::npos);
  }
}

// Goal: a tunnel that carries nothing either way ends. Method: "tunnel_idle" of 300 ms; both sides see the end.
TEST(Upgrade, idle_tunnel_is_closed) {
  Gate ended;
  ScriptedBackend backend([&ended](Connection& connection) {
    if (!connection.read_request_head()) return;
    connection.send(kSwitching);
    if (connection.wait_ended()) ended.open();
  });
  Balancer balancer({.backends = {&backend}, .toml = "[server.timeouts]\ntunnel_idle = \"300ms\"\n"});
  Client client(balancer);
  client.send(kUpgrade);
  ASSERT_TRUE(client.read_head());
  EXPECT_TRUE(client.wait_ended());
  EXPECT_TRUE(ended.wait());
}

// Goal: a switch is one to a protocol that the client offered, in HTTP/1.1, and says so (RFC 9110 sections 7.8 and
// 15.2.2); anything else opens no tunnel. Method: 101 without Upgrade, with another protocol, and in HTTP/1.0.
TEST(Upgrade, switch_to_what_was_not_offered_is_a_broken_answer) {
  std::string answer;
  ScriptedBackend backend([&answer](Connection& connection) {
    if (connection.read_request_head()) connection.send(answer + ok("forged"));
  });
  Balancer balancer({.backends = {&backend}, .toml = "[retry]\nattempts = 1\n"});
  for (const std::string& broken :
       {std::string("HTTP/1.1 101 Switching Protocols\r\n\r\n"),
        std::string("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\n\r\n"),
        std::string("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n"),
        std::string("HTTP/1.0 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n")}) {
    SCOPED_TRACE(broken);
    answer = broken;
    const Message got = ask_once(balancer, kUpgrade);
    EXPECT_EQ(got.status(), 502);
    EXPECT_EQ(got.body.find("forged"), std::string::npos);
  }
}

}  // namespace
}  // namespace lb::e2e
