// Connecting to backends: the deadline, and what a backend's address may be.
#include <array>
#include <string>

#include <gtest/gtest.h>

#include "support/balancer.hpp"
#include "support/black_hole.hpp"

namespace lb::e2e {
namespace {

using namespace lb::support;  // NOLINT(google-build-using-namespace): the vocabulary of these tests

const std::string kConnectTimeout = "[server.timeouts]\nconnect = \"400ms\"\n";

std::string backend_table(const std::string& url) {
  return "[[backends]]\nurl = \"" + url + "\"\n";
}

// Goal: connecting to an address that swallows packets ends by `connect`, and the client is told, long before the
// kernel would give up. Method: one attempt, at a backend that was well when it was checked; GET and POST.
TEST(Connect, that_hangs_is_502_after_its_deadline) {
  for (const std::string& text : {get(), request("POST", "body")}) {
    BlackHole hole;
    Balancer balancer({.toml = kConnectTimeout + "[retry]\nattempts = 1\n" + backend_table(hole.url())});
    ASSERT_TRUE(balancer.wait_for_log(hole.url() + " [up]"));
    hole.swallow();
    const auto begun = now();
    const Message answer = ask_once(balancer, text);
    const auto took = now() - begun;
    EXPECT_EQ(answer.status(), 502);
    EXPECT_NE(answer.head.value("Proxy-Status").find("error=connection_timeout"), std::string::npos);
    EXPECT_GE(took, Duration(350));
    EXPECT_LT(took, Duration(2500));  // the default is 3 s
  }
}

// Goal: nothing of the request was sent, so any method goes on to the next backend. Method: the first in turn swallows
// packets, the second answers.
TEST(Connect, that_hangs_is_tried_elsewhere_for_any_method) {
  for (const std::string& text : {get(), request("POST", "body")}) {
    BlackHole hole;
    ScriptedBackend good(always(ok("good")));
    Balancer balancer({.toml = kConnectTimeout + backend_table(hole.url()) + backend_table(good.url())});
    ASSERT_TRUE(balancer.wait_for_log(hole.url() + " [up]"));
    hole.swallow();
    const auto begun = now();
    EXPECT_EQ(ask_once(balancer, text).body, "good");
    const auto took = now() - begun;
    EXPECT_GE(took, Duration(350)) << "the first backend was not tried";
    EXPECT_LT(took, Duration(2500));
    ASSERT_EQ(good.request_count(), 1U);
    EXPECT_EQ(good.requests()[0].message.body, text == get() ? "" : "body");
  }
}

// Goal: with every backend down one `connect` is all that a client waits, however many there are and swallow packets.
// Method: three of them, down since the first round of checks, which is itself bounded by `health.timeout`.
TEST(Connect, of_the_last_resort_is_502_after_one_deadline) {
  std::array<BlackHole, 3> holes;
  std::string toml = "[server.timeouts]\nconnect = \"1s\"\n[health]\ntimeout = \"200ms\"\n";
  for (BlackHole& hole : holes) {
    hole.swallow();
    toml += backend_table(hole.url());
  }
  Balancer balancer({.toml = toml});
  for (const BlackHole& hole : holes) {
    EXPECT_NE(balancer.log().find(hole.url() + " [down] (health check failed)"), std::string::npos) << balancer.log();
  }
  const auto begun = now();
  EXPECT_EQ(ask_once(balancer, get()).status(), 502);
  EXPECT_GE(now() - begun, Duration(500));
  EXPECT_LT(now() - begun, Duration(2500));
}

// Goal: a backend may have an IPv6 address, in brackets. Method: [::1], where the host has it; alternately with one on
// IPv4, and `Host` of a client that sends none.
TEST(Connect, reaches_a_backend_on_ipv6) {
  if (!has_ipv6()) GTEST_SKIP() << "this host has no IPv6";
  ScriptedBackend six(always(ok("six")), Family::ipv6);
  ScriptedBackend four(always(ok("four")));
  Balancer balancer({.backends = {&six, &four}});
  EXPECT_NE(balancer.log().find("http://[::1]:" + std::to_string(six.port()) + " [up]"), std::string::npos)
      << balancer.log();
  Client client(balancer);
  EXPECT_EQ(client.ask(get()).body, "six");
  EXPECT_EQ(client.ask(get()).body, "four");
  EXPECT_EQ(client.ask("GET / HTTP/1.0\r\n\r\n").body, "six");
  ASSERT_EQ(six.request_count(), 2U);
  EXPECT_EQ(six.requests().back().message.head.value("Host"), "[::1]:" + std::to_string(six.port()));
}

// Goal: a backend may be a name, which is looked up. Method: localhost, which on many hosts is ::1 first, where nobody
// listens; the log and `Host` of a client that sends none show the name.
TEST(Connect, reaches_a_backend_by_its_name) {
  ScriptedBackend backend(always(ok("named")));
  const std::string authority = "localhost:" + std::to_string(backend.port());
  Balancer balancer({.toml = backend_table("http://" + authority)});
  EXPECT_NE(balancer.log().find("http://" + authority + " [up]"), std::string::npos) << balancer.log();
  for (int i = 0; i < 2; ++i) EXPECT_EQ(ask_once(balancer, get()).body, "named");
  EXPECT_EQ(ask_once(balancer, "GET / HTTP/1.0\r\n\r\n").body, "named");
  ASSERT_EQ(backend.request_count(), 3U);
  EXPECT_EQ(backend.requests().back().message.head.value("Host"), authority);
}

// Goal: every address of a name counts, not the first or those of one family. Method: localhost, with a backend on ::1
// alone, where the name has that address.
TEST(Connect, reaches_a_name_by_whichever_address_answers) {
  if (!has_ipv6()) GTEST_SKIP() << "this host has no IPv6";
  ScriptedBackend backend(always(ok("six")), Family::ipv6);
  Balancer balancer({.toml = backend_table("http://localhost:" + std::to_string(backend.port()))});
  if (balancer.log().find("[down]") != std::string::npos) GTEST_SKIP() << "localhost is no name of ::1 here";
  EXPECT_EQ(ask_once(balancer, get()).body, "six");
}

}  // namespace
}  // namespace lb::e2e
