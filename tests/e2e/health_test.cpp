// Backends that fail are marked down, avoided, checked and brought back.
#include <algorithm>
#include <chrono>
#include <string>

#include <gtest/gtest.h>

#include "support/balancer.hpp"
#include "support/black_hole.hpp"

namespace lb::e2e {
namespace {

using namespace lb::support;  // NOLINT(google-build-using-namespace): the vocabulary of these tests
using Connection = ScriptedBackend::Connection;

void close_after_request(Connection& connection) {
  static_cast<void>(connection.read_request());
}

// The part of a log line that the contract fixes: its end. Lines before `from` do not count.
void expect_line_ends(const Balancer& balancer, const std::string& ending, std::size_t from = 0) {
  const auto line = balancer.wait_for_log(ending, from);
  ASSERT_TRUE(line) << "no line with " << ending << " in:\n" << balancer.log();
  EXPECT_TRUE(line->ends_with(ending)) << *line;
}

// Goal: three failures in a row mark down, with exactly that line, once; then traffic avoids the backend. Method: it
// fails each request, which the other one rescues; its count stays at three.
TEST(Health, three_failures_mark_down_and_traffic_avoids_it) {
  ScriptedBackend bad(&close_after_request);
  ScriptedBackend good(always(ok("good")));
  Balancer balancer({.backends = {&bad, &good}});
  for (int i = 0; i < 10; ++i) EXPECT_EQ(ask_once(balancer, get()).body, "good");
  EXPECT_EQ(bad.request_count(), 3U);
  EXPECT_EQ(good.request_count(), 10U);
  expect_line_ends(balancer, " " + bad.url() + " [down] (3 retries failed)");
  EXPECT_EQ(balancer.log().find("[down]"), balancer.log().rfind("[down]"));
}

// Goal: failures count only in a row. Method: two failures, a success, two failures: never down.
TEST(Health, a_success_sets_the_count_back) {
  ScriptedBackend moody([](Connection& connection) {
    while (connection.read_request() && connection.request_number() % 3 == 0) connection.send(ok("moody"));
  });
  ScriptedBackend good(always(ok("good")));
  Balancer balancer({.backends = {&moody, &good}});
  for (int i = 0; i < 20; ++i) EXPECT_EQ(ask_once(balancer, get()).status(), 200);
  EXPECT_GE(moody.request_count(), 8U);
  EXPECT_EQ(balancer.log().find("[down]"), std::string::npos) << balancer.log();
}

// Goal: the number is a key, and the log line names it. Method: one failure is enough.
TEST(Health, number_of_failures_is_a_key) {
  ScriptedBackend bad(&close_after_request);
  ScriptedBackend good(always(ok("good")));
  Balancer balancer({.backends = {&bad, &good}, .toml = "[health]\nfailures = 1\n"});
  EXPECT_EQ(ask_once(balancer, get()).body, "good");
  expect_line_ends(balancer, " " + bad.url() + " [down] (1 retries failed)");
}

// Goal: an answer with an error status is the application's, no failure of the backend's. Method: many 500s and 503s.
TEST(Health, error_answers_are_no_failures) {
  ScriptedBackend backend(always("HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy"));
  Balancer balancer({.backends = {&backend}});
  Client client(balancer);
  for (int i = 0; i < 6; ++i) EXPECT_EQ(client.ask(get()).body, "busy");
  EXPECT_EQ(backend.request_count(), 6U);
  EXPECT_EQ(balancer.log().find("[down]"), std::string::npos);
}

// Goal: a client that goes away is no failure of the backend's. Method: five clients leave while the backend works; it
// is told to fail after one failure and does not.
TEST(Health, clients_that_leave_are_no_failures) {
  ScriptedBackend backend([](Connection& connection) {
    while (connection.read_request()) {
      if (connection.request_number() <= 5) {
        static_cast<void>(connection.wait_ended());
      } else {
        connection.send(ok("well"));
      }
    }
  });
  Balancer balancer({.backends = {&backend}, .toml = "[health]\nfailures = 1\n"});
  for (std::size_t i = 1; i <= 5; ++i) {
    Client client(balancer);
    client.send(get());
    ASSERT_TRUE(backend.wait_for_requests(i));
    client.reset();
  }
  EXPECT_EQ(ask_once(balancer, get()).body, "well");
  EXPECT_EQ(balancer.log().find("[down]"), std::string::npos) << balancer.log();
}

// Goal: a check brings a backend back, with exactly that line, and traffic returns. Method: the port closes, traffic
// marks it down, the port opens.
TEST(Health, check_brings_a_backend_back_up) {
  ScriptedBackend flaky(always(ok("flaky")));
  ScriptedBackend good(always(ok("good")));
  Balancer balancer({.backends = {&flaky, &good}, .toml = "[health]\ninterval = \"200ms\"\n"});
  flaky.stop();
  expect_line_ends(balancer, " " + flaky.url() + " [down] (health check failed)");
  for (int i = 0; i < 4; ++i) EXPECT_EQ(ask_once(balancer, get()).body, "good");
  const std::size_t before = balancer.log().size();
  flaky.start();
  expect_line_ends(balancer, " " + flaky.url() + " [up]", before);
  std::string answers;
  for (int i = 0; i < 4; ++i) answers += ask_once(balancer, get()).body[0];
  EXPECT_EQ(std::count(answers.begin(), answers.end(), 'f'), 2) << answers;
}

// Goal: a check that hangs ends by `health.timeout`, and marks down. Method: a backend that was well at the start and
// then swallows connection requests; far below the default of two seconds.
TEST(Health, check_that_hangs_marks_down_after_its_timeout) {
  BlackHole hole;
  Balancer balancer(
      {.toml = "[health]\ninterval = \"100ms\"\ntimeout = \"300ms\"\n[[backends]]\nurl = \"" + hole.url() + "\"\n"});
  const auto begun = now();
  hole.swallow();
  expect_line_ends(balancer, " " + hole.url() + " [down] (health check failed)");
  EXPECT_LT(now() - begun, Duration(1800));
}

// Goal: a backend that failed three requests but whose port answers comes back by the check as well. Method: it closes
// after requests until it was marked down, then is well.
TEST(Health, check_brings_back_what_failed_requests_had_marked_down) {
  Gate well;
  ScriptedBackend flaky([&well](Connection& connection) {
    while (connection.read_request()) {
      if (!well.wait(now())) return;
      connection.send(ok("flaky"));
    }
  });
  ScriptedBackend good(always(ok("good")));
  Balancer balancer({.backends = {&flaky, &good}, .toml = "[health]\ninterval = \"500ms\"\n"});
  // A check between the failures sets their count back: as many requests as it takes.
  const Deadline deadline = within();
  while (balancer.log().find("[down]") == std::string::npos && now() < deadline) {
    EXPECT_EQ(ask_once(balancer, get()).body, "good");
  }
  expect_line_ends(balancer, " " + flaky.url() + " [down] (3 retries failed)");
  well.open();
  expect_line_ends(balancer, " " + flaky.url() + " [up]", balancer.log().find("[down]"));
  EXPECT_NE(ask_once(balancer, get()).body, ask_once(balancer, get()).body);
}

// Goal: a round of checks runs before the port opens, so that the first request already avoids a backend that is not
// there. Method: one is stopped from the beginning; the order of the log lines, and who saw requests.
TEST(Health, first_round_marks_down_before_the_port_opens) {
  ScriptedBackend absent(always(ok("absent")));
  absent.stop();
  ScriptedBackend present(always(ok("present")));
  Balancer balancer({.backends = {&absent, &present}});
  const std::string log = balancer.log();
  const std::size_t down = log.find(" " + absent.url() + " [down] (health check failed)\n");
  EXPECT_NE(down, std::string::npos) << log;
  EXPECT_LT(down, log.find("listening on")) << log;
  EXPECT_EQ(ask_once(balancer, get()).body, "present");
  EXPECT_EQ(ask_once(balancer, get()).body, "present");
}

// Goal: with every backend down each is tried as a last resort, and a success brings that one back. Method: both are
// down from the start, and one appears; checks are two minutes away.
TEST(Health, last_resort_finds_a_backend_that_came_back) {
  ScriptedBackend a(always(ok("a")));
  ScriptedBackend b(always(ok("b")));
  a.stop();
  b.stop();
  Balancer balancer({.backends = {&a, &b}});
  b.start();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(ask_once(balancer, get()).body, "b");
  expect_line_ends(balancer, " " + b.url() + " [up]");
  EXPECT_EQ(ask_once(balancer, request("POST", "body")).body, "b");
}

// Goal: when the last resort fails too the answer is a quick 502, for any method, never a hang. Method: all ports are
// closed; the connect timeout is the bound.
TEST(Health, last_resort_that_fails_is_a_quick_502) {
  ScriptedBackend a(always(ok("a")));
  ScriptedBackend b(always(ok("b")));
  a.stop();
  b.stop();
  Balancer balancer({.backends = {&a, &b}, .toml = "[server.timeouts]\nconnect = \"2s\"\n"});
  for (const std::string& text : {get(), request("POST", "body")}) {
    const auto begun = now();
    const Message answer = ask_once(balancer, text);
    EXPECT_EQ(answer.status(), 502);
    EXPECT_NE(answer.head.value("Proxy-Status").find("error=connection_refused"), std::string::npos);
    EXPECT_LT(now() - begun, std::chrono::seconds(2));
  }
}

}  // namespace
}  // namespace lb::e2e
