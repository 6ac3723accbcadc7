// retry.budget_percent: retries end when a crowd of them would only add to an outage.
#include <atomic>
#include <string>

#include <gtest/gtest.h>

#include "support/balancer.hpp"
#include "support/config_file.hpp"

namespace lb::e2e {
namespace {

using namespace lb::support;  // NOLINT(google-build-using-namespace): the vocabulary of these tests
using Connection = ScriptedBackend::Connection;

constexpr std::size_t kReserve = 1000;  // retries of one worker, on top of its share

// Takes a request and closes, which is a retry for each attempt but the last; counts requests without keeping them.
class BreakingBackend {
 public:
  [[nodiscard]] std::string url() const { return backend_.url(); }
  [[nodiscard]] std::size_t requests() const noexcept { return requests_; }

 private:
  std::atomic<std::size_t> requests_{0};
  ScriptedBackend backend_{[this](Connection& connection) {
    if (connection.read_head()) ++requests_;
  }};
};

std::size_t attempts_of(std::size_t requests, const std::string& budget) {
  BreakingBackend a;
  BreakingBackend b;
  BreakingBackend c;
  ConfigFile file("server.threads = 1\nretry.budget_percent = " + budget + "\n" + table_of(a.url()) +
                  table_of(b.url()) + table_of(c.url()));
  Balancer balancer(file.flags());
  Client client(balancer);
  for (std::size_t i = 0; i < requests; ++i) EXPECT_EQ(client.ask(get()).status(), 502);
  return a.requests() + b.requests() + c.requests();
}

// Goal: beyond the reserve retries are a share of the requests. Method: every exchange breaks, so that each request
// wants two retries; at 1 % the reserve is used up after 500 requests, and 300 more have three retries. Found: a last
// attempt that failed took one as well.
TEST(RetryBudget, ends_the_retries_after_the_reserve) {
  constexpr std::size_t kRequests = 800;
  const std::size_t attempts = attempts_of(kRequests, "1");
  EXPECT_GE(attempts, kRequests + kReserve);
  EXPECT_LE(attempts, kRequests + kReserve + kRequests / 100 + 1);
}

// Goal: 0 means no budget. Method: as above; every request has its two retries.
TEST(RetryBudget, zero_means_any_number) {
  constexpr std::size_t kRequests = 600;
  EXPECT_EQ(attempts_of(kRequests, "0"), 3 * kRequests);
}

// Goal: what never reached a backend costs nothing of the budget, and asks nothing of it. Method: the budget is spent
// by exchanges that break; then one backend is well and the port of the others is closed: each request reaches it.
TEST(RetryBudget, refused_connections_are_beyond_it) {
  std::atomic<bool> breaks{true};
  ScriptedBackend moody([&breaks](Connection& connection) {
    while (connection.read_head() && !breaks) connection.send(ok("moody"));
  });
  ScriptedBackend leaves([](Connection& connection) { static_cast<void>(connection.read_head()); });
  ConfigFile file("server.threads = 1\nretry.budget_percent = 1\n" + tables_of({&leaves, &moody}));
  Balancer balancer(file.flags());
  Client client(balancer);
  for (std::size_t i = 0; i < kReserve / 2 + 100; ++i) EXPECT_EQ(client.ask(get()).status(), 502);
  leaves.stop();
  breaks = false;
  EXPECT_EQ(letters(client, 30), std::string(30, 'm'));
}

}  // namespace
}  // namespace lb::e2e
