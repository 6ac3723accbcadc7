// Idle connections to backends: kept, bounded, closed in time.
#include <string>

#include <gtest/gtest.h>

#include "support/balancer.hpp"

namespace lb::e2e {
namespace {

using namespace lb::support;  // NOLINT(google-build-using-namespace): the vocabulary of these tests
using Connection = ScriptedBackend::Connection;

// Goal: connections to backends are shared by clients that come one after the other. Method: ten clients, each with a
// connection of its own, of which the backend sees one.
TEST(UpstreamPool, is_shared_by_clients) {
  ScriptedBackend backend(always(ok("ok")));
  Balancer balancer({.backends = {&backend}});
  for (int i = 0; i < 10; ++i) EXPECT_EQ(ask_once(balancer, get()).body, "ok");
  EXPECT_EQ(backend.connections(), 1U);
}

// Goal: the pool can be turned off. Method: 0 idle connections: each request has a connection of its own.
TEST(UpstreamPool, of_size_zero_keeps_nothing) {
  ScriptedBackend backend(always(ok("ok")));
  Balancer balancer({.backends = {&backend}, .toml = "[pool]\nidle_connections = 0\n"});
  Client client(balancer);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(client.ask(get()).body, "ok");
  EXPECT_EQ(backend.connections(), 3U);
}

// Goal: an idle connection is closed before backends close theirs. Method: "idle_timeout" of 300 ms; the backend sees
// the end without having done anything.
TEST(UpstreamPool, closes_what_idles_too_long) {
  Gate ended;
  ScriptedBackend backend([&ended](Connection& connection) {
    if (!connection.read_request()) return;
    connection.send(ok("ok"));
    if (connection.wait_ended()) ended.open();
  });
  Balancer balancer({.backends = {&backend}, .toml = "[pool]\nidle_timeout = \"300ms\"\n"});
  EXPECT_EQ(ask_once(balancer, get()).body, "ok");
  EXPECT_TRUE(ended.wait());
}

// Goal: what a backend says on an idle connection (a 408, say) is nobody's answer. Method: it speaks unasked while
// idle, then serves; POST, which could not be repeated, must succeed on another connection.
TEST(UpstreamPool, drops_a_connection_that_spoke_unasked) {
  Gate answered;
  Gate spoken;
  ScriptedBackend backend([&](Connection& connection) {
    while (connection.read_request()) {
      connection.send(ok("ok"));
      if (connection.number() == 1 && answered.wait()) {
        connection.send("HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        spoken.open();
      }
    }
  });
  Balancer balancer({.backends = {&backend}});
  Client client(balancer);
  EXPECT_EQ(client.ask(get()).body, "ok");
  answered.open();
  ASSERT_TRUE(spoken.wait());
  EXPECT_EQ(client.ask(request("POST", "x")).body, "ok");
  EXPECT_EQ(backend.connections(), 2U);
}

// Goal: after a request whose body did not reach the backend whole, its connection is not used again. Method: the
// answer comes before the body; another client follows.
TEST(UpstreamPool, keeps_no_connection_with_an_unfinished_request) {
  ScriptedBackend backend([](Connection& connection) {
    while (connection.read_request_head()) connection.send(ok(std::to_string(connection.number())));
  });
  Balancer balancer({.backends = {&backend}});
  Client early(balancer);
  EXPECT_EQ(early.ask("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 100\r\n\r\nabc").body, "1");
  EXPECT_EQ(ask_once(balancer, get()).body, "2");
}

}  // namespace
}  // namespace lb::e2e
