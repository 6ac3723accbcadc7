// [outliers]: a backend that does worse than the others loses weight, is ejected, and comes back; each with its reason
// wherever a user may look.
#include <atomic>
#include <chrono>
#include <string>

#include <gtest/gtest.h>

#include "support/admin.hpp"
#include "support/balancer.hpp"

namespace lb::e2e {
namespace {

using namespace lb::support;  // NOLINT(google-build-using-namespace): the vocabulary of these tests
using namespace std::chrono_literals;
using Connection = ScriptedBackend::Connection;

const std::string kJudges =
    "[outliers]\nfailure_percent = 50\nlatency_percent = 300\nwindow = \"1s\"\nrequests = 3\nejection = \"1s\"\n"
    "ejected_percent = 30\n[health]\nfailures = 100\n";

// Asks until the log says so from `from` on.
testing::AssertionResult ask_until_logged(Balancer& balancer, const std::string& text, std::size_t from = 0) {
  Client client(balancer);
  const Deadline deadline = within(30s);
  while (now() < deadline) {
    for (int i = 0; i < 10; ++i) client.ask(get());
    if (balancer.log().find(text, from) != std::string::npos) return testing::AssertionSuccess();
  }
  return testing::AssertionFailure() << "never logged: " << text << '\n' << balancer.log();
}

// Goal: one whose answers fail is reduced, then ejected, and comes back when it does well. Method: one of four answers
// 500 until it is told not to.
TEST(Outliers, a_backend_that_fails_is_reduced_and_ejected_and_comes_back) {
  std::atomic<bool> fails = true;
  ScriptedBackend bad([&](Connection& connection) {
    while (connection.read_request())
      if (!connection.send(fails ? "HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n" : ok("well"))) return;
  });
  ScriptedBackend a(always(ok("a")));
  ScriptedBackend b(always(ok("b")));
  ScriptedBackend c(always(ok("c")));
  Balancer balancer({.backends = {&bad, &a, &b, &c}, .toml = kJudges, .admin = true});
  ASSERT_TRUE(ask_until_logged(balancer, bad.url() + " [ejected] for 1 s (100 % of its answers failed, and 0 % of"));
  const std::string log = balancer.log();
  EXPECT_NE(log.find(bad.url() + " [reduced] to 50 % of its share"), std::string::npos) << log;
  EXPECT_NE(log.find(bad.url() + " [reduced] to 25 % of its share"), std::string::npos) << log;

  const auto shown = backend_of(balancer, bad.url());
  EXPECT_EQ(text_at(shown, "/condition"), "ejected");
  EXPECT_NE(text_at(shown, "/condition_reason").find("of its answers failed"), std::string::npos);
  const std::string metrics = admin_get(balancer, "/metrics").body;
  EXPECT_NE(metrics.find("load_balancer_backend_suspended{backend=\"" + bad.url() + "\",reason=\"ejected\"} 1"),
            std::string::npos)
      << metrics;
  EXPECT_NE(metrics.find("load_balancer_backend_suspensions_total{backend=\"" + bad.url() + "\",reason=\"ejected\"} 1"),
            std::string::npos);
  // Round, whoever's turn it is: the one that is out is named.
  Message told;
  for (int i = 0; i < 4; ++i) {
    const std::string id = "out" + std::to_string(i);
    EXPECT_EQ(ask_once(balancer, get("/", "X-Request-Id: " + id + "\r\n")).status(), 200);
    const Deadline deadline = within();
    do told = admin_get(balancer, "/why/" + id);
    while (told.status() == 404 && now() < deadline);
    if (told.body.find("is ejected for doing worse than the others") != std::string::npos) break;
  }
  EXPECT_NE(told.body.find("is ejected for doing worse than the others"), std::string::npos) << told.body;

  fails = false;
  ASSERT_TRUE(ask_until_logged(balancer, bad.url() + " gets requests again after its ejection"));
  const std::size_t before = bad.request_count();
  ASSERT_TRUE(ask_until_logged(balancer, bad.url() + " gets 100 % of its share", log.size()));
  EXPECT_GT(bad.request_count(), before);
  EXPECT_EQ(text_at(backend_of(balancer, bad.url()), "/condition"), "well");
}

// Goal: so is one that is far slower than the others. Method: one of four takes 60 ms, the others none.
TEST(Outliers, a_backend_that_is_slow_is_ejected) {
  ScriptedBackend slow([](Connection& connection) {
    while (connection.read_request()) {
      if (connection.wait_ended(within(60ms))) return;
      if (!connection.send(ok("slow"))) return;
    }
  });
  ScriptedBackend a(always(ok("a")));
  ScriptedBackend b(always(ok("b")));
  ScriptedBackend c(always(ok("c")));
  Balancer balancer({.backends = {&a, &slow, &b, &c}, .toml = kJudges});
  EXPECT_TRUE(ask_until_logged(balancer, slow.url() + " [ejected] for 1 s (half of its answers took longer than"));
}

// Goal: off by default. Method: as above, without [outliers].
TEST(Outliers, off_by_default) {
  ScriptedBackend bad(always("HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n"));
  ScriptedBackend a(always(ok("a")));
  ScriptedBackend b(always(ok("b")));
  Balancer balancer({.backends = {&bad, &a, &b}});
  Client client(balancer);
  for (int i = 0; i < 300; ++i) client.ask(get());
  EXPECT_EQ(bad.request_count(), 100U);
  EXPECT_EQ(balancer.log().find("share"), std::string::npos) << balancer.log();
}

}  // namespace
}  // namespace lb::e2e
