// Health checks: thresholds, intervals, HTTP checks and what is logged about them.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <mutex>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "support/balancer.hpp"
#include "support/black_hole.hpp"
#include "support/config_file.hpp"

namespace lb::e2e {
namespace {

using namespace lb::support;  // NOLINT(google-build-using-namespace): the vocabulary of these tests
using Connection = ScriptedBackend::Connection;

std::string health(const std::string& keys) {
  return "server.threads = 1\n[health]\njitter_percent = 0\n" + keys;
}

std::size_t count_of(const std::string& text, const std::string& what) {
  std::size_t count = 0;
  for (std::size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += what.size()) ++count;
  return count;
}

// Answers requests for /check with what the test sets, and any other with 200 "page".
class CheckedBackend {
 public:
  explicit CheckedBackend(std::string answer) : answer_(std::move(answer)) {}
  void set(const std::string& answer) {
    const std::scoped_lock lock(mutex_);
    answer_ = answer;
    answered_ = 0;
  }
  // Checks that got the present answer.
  [[nodiscard]] std::size_t answered() {
    const std::scoped_lock lock(mutex_);
    return answered_;
  }
  [[nodiscard]] std::string url() const { return backend_.url(); }
  [[nodiscard]] std::size_t checks() const { return requests("/check").size(); }
  [[nodiscard]] std::vector<Head> requests(const std::string& path) const {
    std::vector<Head> found;
    for (const RecordedRequest& one : backend_.requests()) {
      const Head& head = one.message.head;
      if (head.start_line.find(" " + path + " ") != std::string::npos) found.push_back(head);
    }
    return found;
  }
  // Waits for so many further checks.
  [[nodiscard]] bool wait_for_checks(std::size_t count) {
    const std::size_t wanted = checks() + count;
    const Deadline deadline = within();
    while (checks() < wanted) {
      if (!backend_.wait_for_requests(backend_.request_count() + 1, deadline)) return false;
    }
    return true;
  }

 private:
  void serve(Connection& connection) {
    while (const auto head = connection.read_request_head()) {
      const bool is_check = head->start_line.find(" /check ") != std::string::npos;
      std::string answer;
      {
        const std::scoped_lock lock(mutex_);
        answer = is_check ? answer_ : ok("page");
        if (is_check) ++answered_;
      }
      if (answer.empty()) return;
      connection.send(answer);
    }
  }

  std::mutex mutex_;
  std::string answer_;
  std::size_t answered_ = 0;
  ScriptedBackend backend_{[this](Connection& connection) { serve(connection); }};
};

constexpr const char* kHttp = "check = \"http\"\npath = \"/check\"\n";

// Whether an HTTP check with these keys passes for that answer: the log's verdict of the first round, with its reason.
std::string verdict_for(const std::string& answer, const std::string& keys) {
  CheckedBackend backend(answer);
  ConfigFile file(health(kHttp + keys) + table_of(backend.url()));
  Balancer balancer(file.flags());
  const std::string log = balancer.log();
  const std::string reason_mark = "check of " + backend.url() + " failed: ";
  if (log.find(backend.url() + " [up]\n") != std::string::npos) return "passed";
  if (log.find(backend.url() + " [down] (health check failed)\n") == std::string::npos) return "neither: " + log;
  const std::size_t at = log.find(reason_mark);
  if (at == std::string::npos) return "no reason: " + log;
  const std::size_t begin = at + reason_mark.size();
  return log.substr(begin, log.find('\n', begin) - begin);
}

std::string sized(const std::string& status, const std::string& body) {
  return "HTTP/1.1 " + status + "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

// Goal: which status passes. Method: the default list, single ones, ranges; redirects are not followed.
TEST(HealthCheck, status_list) {
  EXPECT_EQ(verdict_for(sized("200 OK", ""), ""), "passed");
  EXPECT_EQ(verdict_for("HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n", ""), "passed");
  EXPECT_EQ(verdict_for(sized("400 Bad", ""), ""), "status 400");
  EXPECT_EQ(verdict_for(sized("503 Busy", "busy"), ""), "status 503");
  EXPECT_EQ(verdict_for(sized("302 Found", ""), "status = \"200\"\n"), "status 302");
  EXPECT_EQ(verdict_for(sized("404 Not Found", ""), "status = \"200, 404\"\n"), "passed");
  EXPECT_EQ(verdict_for(sized("299 Fine", ""), "status = \"200-299\"\n"), "passed");
  EXPECT_EQ(verdict_for(sized("300 Choices", ""), "status = \"200-299,304\"\n"), "status 300");
  EXPECT_EQ(verdict_for("HTTP/1.1 304 Not Modified\r\n\r\n", "status = \"200-299,304\"\n"), "passed");
}

// Goal: interim answers are read over, as much of them as an exchange may have; rubbish, an early end and silence fail.
TEST(HealthCheck, odd_answers) {
  const std::string interim = "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n";
  EXPECT_EQ(verdict_for("HTTP/1.1 100 Continue\r\n\r\n" + interim + sized("200 OK", "hi"), ""), "passed");
  std::string many;
  for (std::size_t bytes = 0; bytes <= 256 * 1024; bytes += interim.size()) many += interim;
  EXPECT_EQ(verdict_for(many + sized("200 OK", ""), ""), "too many interim answers");
  for (const std::string& broken :
       {std::string("SSH-2.0-OpenSSH_9.2\r\n"), std::string("HTTP/1.1 2000 OK\r\n\r\n"), std::string("\0\1\2\3", 4),
        std::string("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"), std::string()}) {
    const std::string verdict = verdict_for(broken, "timeout = \"300ms\"\n");
    EXPECT_NE(verdict, "passed") << broken;
    EXPECT_EQ(verdict.find("neither"), std::string::npos) << verdict;
    EXPECT_EQ(verdict.find("no reason"), std::string::npos) << verdict;
  }
  EXPECT_NE(verdict_for("HTTP/1.1 200 OK\r\nX: " + std::string(20'000, 'x') + "\r\n\r\n", ""), "passed");
}

// Goal: the text of the body, in each framing; only the first 64 KiB count. Method: before the bound, far beyond it,
// across pieces of a chunked body, and in a body that ends too early.
TEST(HealthCheck, text_of_the_body) {
  const std::string text = "body = \"ready now\"\n";
  EXPECT_EQ(verdict_for(sized("200 OK", "well: ready now."), text), "passed");
  EXPECT_EQ(verdict_for(sized("200 OK", "ready later"), text), "the expected text is not in the body");
  EXPECT_EQ(verdict_for(sized("200 OK", ""), text), "the expected text is not in the body");
  EXPECT_EQ(verdict_for("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nread\r\n5;x=y\r\ny now\r\n0\r\n\r\n",
                        text),
            "passed");
  EXPECT_EQ(verdict_for(sized("200 OK", std::string(60 * 1024, 'x') + "ready now"), text), "passed");
  EXPECT_EQ(verdict_for(sized("200 OK", std::string(1024 * 1024, 'x') + "ready now"), text),
            "the expected text is not in the body");
  EXPECT_EQ(verdict_for(sized("200 OK", std::string(64 * 1024, 'x') + "ready now" + std::string(200'000, 'y')), text),
            "the expected text is not in the body")
      << "just beyond the first 64 KiB";
  EXPECT_NE(verdict_for("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nready now\r\n0\r\n\r\n", text),
            "passed");
  EXPECT_EQ(verdict_for(sized("503 Busy", "ready now"), text), "status 503");
}

// Goal: what a check sends. Method: method, path and host from the file; the backend's own host without; one connection
// each, which the check closes.
TEST(HealthCheck, request_of_a_check) {
  CheckedBackend backend("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
  {
    ConfigFile file(health("check = \"http\"\npath = \"/check\"\nmethod = \"HEAD\"\nhost = \"shop.example:81\"\n") +
                    table_of(backend.url()));
    Balancer balancer(file.flags());
    EXPECT_NE(balancer.log().find(backend.url() + " [up]"), std::string::npos) << balancer.log();
  }
  auto seen = backend.requests("/check");
  ASSERT_EQ(seen.size(), 1U);
  EXPECT_EQ(seen[0].start_line, "HEAD /check HTTP/1.1");
  EXPECT_EQ(seen[0].values("Host"), std::vector<std::string>{"shop.example:81"});
  EXPECT_EQ(seen[0].value("Connection"), "close");
  backend.set(ok("fine"));
  ConfigFile file(health(kHttp) + table_of(backend.url()));
  Balancer balancer(file.flags());
  seen = backend.requests("/check");
  ASSERT_EQ(seen.size(), 2U);
  EXPECT_EQ(seen[1].start_line, "GET /check HTTP/1.1");
  EXPECT_EQ(seen[1].value("Host"), backend.url().substr(7));
}

// Goal: a slow answer fails within the timeout, however it dawdles: no byte, a head without an end, a body without its
// text. Method: the first round, bounded by a second, is seen from outside as the time until the port opens.
TEST(HealthCheck, slow_answers_fail_within_the_timeout) {
  struct Case {
    const char* what;
    ScriptedBackend::Script script;
  };
  const auto drip = [](Connection& connection, const std::string& beginning, const std::string& drop) {
    if (!connection.read_request_head()) return;
    connection.send(beginning);
    while (!connection.wait_ended(within(Duration(50))) && connection.send(drop)) {
    }
  };
  const std::vector<Case> cases{
      {"silence",
       [](Connection& connection) {
         if (connection.read_request_head()) static_cast<void>(connection.wait_ended());
       }},
      {"head that drips", [&](Connection& connection) { drip(connection, "HTTP/1.1 200 OK\r\nX: ", "x"); }},
      {"body that drips",
       [&](Connection& connection) { drip(connection, "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", "x"); }},
      {"body that stops", [&](Connection& connection) {
         if (!connection.read_request_head()) return;
         connection.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n");
         static_cast<void>(connection.wait_ended(within(Duration(700))));
         connection.send("late");
         static_cast<void>(connection.wait_ended());
       }}};
  for (const Case& one : cases) {
    SCOPED_TRACE(one.what);
    ScriptedBackend backend(one.script);
    ConfigFile file(health("check = \"http\"\nbody = \"ready\"\n") + table_of(backend.url()));
    const auto begun = now();
    Balancer balancer(file.flags());
    EXPECT_LT(now() - begun, Duration(5000)) << "one second, and what starting takes";
    EXPECT_GT(now() - begun, Duration(900));
    EXPECT_NE(balancer.log().find(backend.url() + " [down] (health check failed)"), std::string::npos)
        << balancer.log();
  }
}

// Goal: rise and fall: so many in a row. Method: checks that alternate change nothing; three failures take it down, two
// successes bring it back; each change is one line with the reason before it.
TEST(HealthCheck, rise_and_fall) {
  CheckedBackend backend(ok("well"));
  ScriptedBackend other(always(ok("other")));
  ConfigFile file(health(std::string(kHttp) + "interval = \"100ms\"\nrise = 2\nfall = 3\n") + table_of(backend.url()));
  Balancer balancer(file.flags());
  for (int i = 0; i < 2; ++i) {
    backend.set(sized("500 Ill", ""));
    ASSERT_TRUE(backend.wait_for_checks(1));
    backend.set(ok("well"));
    ASSERT_TRUE(backend.wait_for_checks(2));
  }
  EXPECT_EQ(count_of(balancer.log(), "[down]"), 0U) << balancer.log();
  std::size_t from = balancer.log().size();
  backend.set(sized("500 Ill", ""));
  ASSERT_TRUE(balancer.wait_for_log(backend.url() + " [down] (health check failed)", from));
  EXPECT_GE(backend.answered(), 3U);
  EXPECT_NE(balancer.log().find("check of " + backend.url() + " failed: status 500", from), std::string::npos);
  from = balancer.log().size();
  backend.set(ok("well"));
  ASSERT_TRUE(balancer.wait_for_log(backend.url() + " [up]", from));
  EXPECT_GE(backend.answered(), 2U);
  EXPECT_EQ(count_of(balancer.log(), "[down]"), 1U) << balancer.log();
  EXPECT_EQ(count_of(balancer.log(), "[up]"), 2U) << balancer.log();
}

// Goal: a backend that is down is checked sooner. Method: checks are an hour apart, of those that are down 200 ms; one
// is down from the start, one is marked down by requests.
TEST(HealthCheck, one_that_is_down_is_checked_sooner) {
  ScriptedBackend absent(always(ok("absent")));
  absent.stop();
  std::atomic<bool> ill{true};
  ScriptedBackend flaky([&ill](Connection& connection) {
    while (connection.read_request() && !ill) connection.send(ok("flaky"));
  });
  ScriptedBackend good(always(ok("good")));
  ConfigFile file(health("interval = \"1h\"\ndown_interval = \"200ms\"\n") + tables_of({&absent, &flaky, &good}));
  Balancer balancer(file.flags());
  absent.start();
  ASSERT_TRUE(balancer.wait_for_log(absent.url() + " [up]")) << balancer.log();
  const std::size_t from = balancer.log().size();
  for (int i = 0; i < 9; ++i) EXPECT_EQ(ask_once(balancer, get()).status(), 200);
  ASSERT_TRUE(balancer.wait_for_log(flaky.url() + " [down] (3 retries failed)", from)) << balancer.log();
  ill = false;
  ASSERT_TRUE(balancer.wait_for_log(flaky.url() + " [up]", from)) << balancer.log();
}

// Goal: a check that disagrees with the requests is named, and only then. Method: the page works while the check's path
// does not; then both fail.
TEST(HealthCheck, a_check_that_fails_although_requests_succeed_is_named) {
  const std::string line = " fails its health check although the last request to it succeeded";
  CheckedBackend backend(ok("well"));
  ConfigFile file(health(std::string(kHttp) + "interval = \"200ms\"\nfall = 2\n") + table_of(backend.url()));
  Balancer balancer(file.flags());
  ASSERT_TRUE(backend.wait_for_checks(2));
  backend.set(sized("500 Ill", ""));
  ASSERT_TRUE(balancer.wait_for_log(backend.url() + " [down]")) << balancer.log();
  EXPECT_EQ(count_of(balancer.log(), line), 0U) << "no requests, so nothing to compare with:\n" << balancer.log();
  EXPECT_EQ(letters(balancer, 2), "pp") << "as a last resort";
  EXPECT_TRUE(balancer.wait_for_log(backend.url() + line)) << balancer.log();
}

// Goal: the other way round: requests fail where checks pass. Method: TCP checks of a backend that closes each request;
// beside it one that is not there at all, of which it must not be said.
TEST(HealthCheck, requests_that_fail_although_the_check_passed_are_named) {
  const std::string line = " passed its last health check, but requests to it fail";
  ScriptedBackend bad([](Connection& connection) { static_cast<void>(connection.read_request()); });
  ScriptedBackend leaves(always(ok("leaves")));
  ScriptedBackend good(always(ok("good")));
  ConfigFile file(health("") + tables_of({&bad, &leaves, &good}));
  Balancer balancer(file.flags());
  // It succeeds first, and stops then: its last check does not speak against its requests.
  EXPECT_EQ(letters(balancer, 3).find('!'), std::string::npos);
  leaves.stop();
  for (int i = 0; i < 12; ++i) EXPECT_EQ(ask_once(balancer, get()).status(), 200);
  ASSERT_TRUE(balancer.wait_for_log(bad.url() + " [down] (3 retries failed)")) << balancer.log();
  ASSERT_TRUE(balancer.wait_for_log(leaves.url() + " [down] (3 retries failed)")) << balancer.log();
  EXPECT_TRUE(balancer.wait_for_log(bad.url() + line)) << balancer.log();
  EXPECT_EQ(balancer.log().find(leaves.url() + line), std::string::npos) << balancer.log();
  EXPECT_NE(balancer.log().find("request to " + bad.url() + " failed: "), std::string::npos) << balancer.log();
}

// Goal: a name that does not resolve is a backend that is down, no refusal to start. Method: ".invalid" never resolves
// (RFC 6761 section 6.4).
TEST(HealthCheck, a_name_that_does_not_resolve_is_a_backend_that_is_down) {
  ScriptedBackend a(always(ok("a")));
  ConfigFile file(health("") + table_of("http://nowhere.invalid:8080") + table_of(a.url()));
  Balancer balancer(file.flags());
  EXPECT_NE(balancer.log().find("http://nowhere.invalid:8080 [down] (health check failed)"), std::string::npos)
      << balancer.log();
  EXPECT_EQ(letters(balancer, 3), "aaa");
}

// Goal: all that are believed up fail: one that is believed down is tried, and answers. Method: `alive` was down when
// it was checked and has come back; `dead` passed and has gone; the next check is two minutes away.
TEST(HealthCheck, one_believed_down_answers_where_the_one_believed_up_fails) {
  ScriptedBackend alive(always(ok("alive")));
  ScriptedBackend dead(always(ok("dead")));
  alive.stop();
  ConfigFile file(health("") + tables_of({&alive, &dead}));
  Balancer balancer(file.flags());
  dead.stop();
  alive.start();
  EXPECT_EQ(ask_once(balancer, get()).body, "alive");
  EXPECT_EQ(ask_once(balancer, request("POST", "body")).body, "alive");
  EXPECT_TRUE(balancer.wait_for_log(alive.url() + " [up]")) << balancer.log();
}

}  // namespace
}  // namespace lb::e2e
