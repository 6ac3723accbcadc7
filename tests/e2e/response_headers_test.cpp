// What of an answer's head arrives at the client.
#include <string>

#include <gtest/gtest.h>

#include "support/balancer.hpp"

namespace lb::e2e {
namespace {

using namespace lb::support;  // NOLINT(google-build-using-namespace): the vocabulary of these tests

Message answered_with(const std::string& answer) {
  ScriptedBackend backend(always(answer));
  Balancer balancer({.backends = {&backend}});
  return ask_once(balancer, get());
}

// Goal: status line, order, spelling and repeated fields pass; Set-Cookie lines stay apart, for they cannot be joined
// (RFC 6265 section 3). Method: the whole head is compared.
TEST(ResponseHeaders, pass_in_order_and_spelling) {
  const std::string answer =
      "HTTP/1.1 299 Very Fine Indeed\r\nDate: Tue, 15 Nov 1994 08:12:31 GMT\r\nserver: odd/1\r\nSet-Cookie: a=1; "
      "Path=/\r\n"
      "X-Same: 1\r\nSet-Cookie: b=2\r\nx-same: 2\r\ncontent-LENGTH: 2\r\nX-Empty: \r\n\r\n";
  const Message message = answered_with(answer + "ok");
  EXPECT_EQ(message.head.text, answer);
  EXPECT_EQ(message.body, "ok");
}

// Goal: hop-by-hop fields and those that Connection names end here. Method: all at once.
TEST(ResponseHeaders, that_are_hop_by_hop_or_named_by_connection_are_removed) {
  const Message message = answered_with(
      "HTTP/1.1 200 OK\r\nConnection: close, X-Private\r\nX-Private: 1\r\nKeep-Alive: timeout=5\r\nUpgrade: h2c\r\n"
      "Proxy-Authenticate: Basic\r\nProxy-Connection: close\r\nX-Stays: 1\r\nContent-Length: 0\r\n\r\n");
  EXPECT_EQ(message.status(), 200);
  for (const char* name :
       {"Connection", "X-Private", "Keep-Alive", "Upgrade", "Proxy-Authenticate", "Proxy-Connection"}) {
    EXPECT_FALSE(message.head.has(name)) << name << ": " << message.head.value(name);
  }
  EXPECT_EQ(message.head.value("X-Stays"), "1");
}

// Goal: RFC 9110 section 6.6.1: an answer without Date gets one; one that has it keeps it. Method: both; the first is
// checked for the form of a date.
TEST(ResponseHeaders, date_is_added_only_when_missing) {
  const Message without = answered_with(ok(""));
  ASSERT_EQ(without.head.values("Date").size(), 1U);
  EXPECT_EQ(without.head.value("Date").size(), std::string("Tue, 15 Nov 1994 08:12:31 GMT").size());
  EXPECT_TRUE(without.head.value("Date").ends_with(" GMT"));
  const Message with = answered_with("HTTP/1.1 200 OK\r\nDate: yesterday\r\nContent-Length: 0\r\n\r\n");
  EXPECT_EQ(with.head.values("Date"), std::vector<std::string>{"yesterday"});
}

// Goal: an empty reason and an unknown status pass. Method: with and without the space that belongs before the reason,
// since real servers leave it out.
TEST(ResponseHeaders, status_without_a_reason_passes) {
  EXPECT_EQ(answered_with("HTTP/1.1 404 \r\nContent-Length: 0\r\n\r\n").head.start_line, "HTTP/1.1 404 ");
  EXPECT_EQ(answered_with("HTTP/1.1 599\r\nContent-Length: 0\r\n\r\n").head.start_line, "HTTP/1.1 599 ");
}

// Goal: the balancer speaks its own version to the client, and an HTTP/1.0 backend may close after each answer without
// a failure being counted. Method: such a backend, twice on one client connection.
TEST(ResponseHeaders, answer_of_an_http_1_0_backend_becomes_http_1_1) {
  ScriptedBackend backend([](ScriptedBackend::Connection& connection) {
    if (connection.read_request()) connection.send("HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nold");
  });
  Balancer balancer({.backends = {&backend}});
  Client client(balancer);
  for (int i = 0; i < 2; ++i) {
    const Message message = client.ask(get());
    EXPECT_EQ(message.head.start_line, "HTTP/1.1 200 OK");
    EXPECT_EQ(message.body, "old");
    EXPECT_FALSE(message.head.has("Connection"));
  }
  EXPECT_EQ(backend.connections(), 2U);
}

}  // namespace
}  // namespace lb::e2e
