// The admin interface's port, when a new process takes the place of a running one.
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

}  // namespace
}  // namespace lb::e2e
