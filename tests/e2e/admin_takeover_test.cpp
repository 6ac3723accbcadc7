// The admin interface's port, when a new process takes the place of a running one.
#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "support/admin.hpp"

namespace lb::e2e {
namespace {

using namespace lb::support;  // NOLINT(google-build-using-namespace): the vocabulary of these tests

std::unique_ptr<Process> successor_of(const Balancer& first, const ScriptedBackend& backend, std::uint16_t admin_port) {
  return std::make_unique<Process>(std::vector<std::string>{"-backends", backend.url(), "-port",
                                                            std::to_string(first.port()), "-admin-port",
                                                            std::to_string(admin_port), "-takeover"});
}

int healthz(std::uint16_t port) {
  Client client(port);
  return client.ask("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").status();
}

// Goal: the successor gets the admin port of its predecessor as soon as that one lets go, also while it still drains.
// Method: an answer is held back, so that the old process lives on.
TEST(AdminTakeover, the_port_changes_hands) {
  Gate gate;
  ScriptedBackend backend([&gate](ScriptedBackend::Connection& connection) {
    while (connection.read_request() && gate.wait()) connection.send(ok("ok"));
  });
  Balancer first(std::vector<std::string>{"-backends", backend.url()}, Balancer::Admin::on);
  Client slow(first);
  ASSERT_TRUE(slow.send(get()));
  ASSERT_TRUE(backend.wait_for_requests(1));
  const auto second = successor_of(first, backend, first.admin_port());
  ASSERT_TRUE(second->wait_for_log("admin interface on")) << second->err();
  EXPECT_EQ(healthz(first.admin_port()), 200);
  EXPECT_FALSE(first.wait_exit(now())) << "it still has a client";
  gate.open();
  EXPECT_EQ(slow.read_response().body, "ok");
  EXPECT_EQ(first.wait_exit(), 0) << first.log();
  EXPECT_EQ(ask_once(first, get()).body, "ok") << "by the second, on the same port";
}

// Goal: a port that somebody else keeps costs the interface, not the traffic.
TEST(AdminTakeover, a_port_that_stays_taken_is_done_without) {
  ScriptedBackend backend(always(ok("ok")));
  Balancer first(std::vector<std::string>{"-backends", backend.url()});
  const auto second = successor_of(first, backend, backend.port());
  const auto line = second->wait_for_log("the admin interface cannot listen");
  ASSERT_TRUE(line) << second->err();
  EXPECT_TRUE(line->ends_with("; serving without it")) << *line;
  EXPECT_EQ(first.wait_exit(), 0) << first.log();
  EXPECT_EQ(ask_once(first, get()).body, "ok");
}

// Goal: what was drained and weighted by hand, what is down, and whose turn it is go with the port. Method: a drained
// one, one that failed its requests while its checks pass, one with another weight; then turns across the change.
TEST(AdminTakeover, what_was_ordered_and_learned_goes_with_the_port) {
  ScriptedBackend drained(always(ok("drained")));
  ScriptedBackend broken([](ScriptedBackend::Connection& connection) { static_cast<void>(connection.read_request()); });
  ScriptedBackend heavy(always(ok("heavy")));
  ScriptedBackend light(always(ok("light")));
  Balancer first({.backends = {&drained, &broken, &heavy, &light}, .toml = "[health]\nfailures = 1\n", .admin = true});
  EXPECT_EQ(admin_post(first, "/backends/drain", by_url(drained.url())).status(), 200);
  EXPECT_EQ(admin_post(first, "/backends/weight", by_url(heavy.url(), "\"weight\": 2")).status(), 200);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(ask_once(first, get()).status(), 200);
  ASSERT_TRUE(first.wait_for_log(broken.url() + " [down] (1 retries failed)"));
  const std::string admin_port = std::to_string(free_port());
  const std::string backends = drained.url() + "," + broken.url() + "," + heavy.url() + "," + light.url();
  Process second(
      {"-backends", backends, "-port", std::to_string(first.port()), "-admin-port", admin_port, "-takeover"});
  ASSERT_TRUE(second.wait_for_log("admin interface on")) << second.err();
  EXPECT_EQ(first.wait_exit(), 0) << first.log();
  EXPECT_NE(second.err().find(drained.url() + " stays drained, as the operator has ordered"), std::string::npos);
  EXPECT_NE(second.err().find(broken.url() + " [down] (1 retries failed)"), std::string::npos) << second.err();
  const std::size_t failed_before = broken.request_count();
  std::string seen;
  for (int i = 0; i < 6; ++i) seen += ask_once(first, get()).body.substr(0, 1);
  EXPECT_EQ(std::ranges::count(seen, 'h'), 4) << seen;
  EXPECT_EQ(std::ranges::count(seen, 'l'), 2) << seen;
  EXPECT_EQ(drained.request_count(), 0U);
  EXPECT_EQ(broken.request_count(), failed_before);
}

TEST(AdminTakeover, turns_go_on) {
  ScriptedBackend one(always(ok("1")));
  ScriptedBackend two(always(ok("2")));
  const std::string backends = one.url() + "," + two.url();
  Balancer first(std::vector<std::string>{"-backends", backends});
  EXPECT_EQ(ask_once(first, get()).body, "1");
  Process second({"-backends", backends, "-port", std::to_string(first.port()), "-takeover"});
  ASSERT_TRUE(second.wait_for_log("listening on")) << second.err();
  EXPECT_EQ(first.wait_exit(), 0) << first.log();
  for (const std::string expected : {"2", "1", "2"}) EXPECT_EQ(ask_once(first, get()).body, expected);
}

}  // namespace
}  // namespace lb::e2e
