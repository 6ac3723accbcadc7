// A request that fails wherever it goes takes no backend out: it is itself the cause.
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "support/admin.hpp"
#include "support/balancer.hpp"

namespace lb::e2e {
namespace {

using namespace lb::support;  // NOLINT(google-build-using-namespace): the vocabulary of these tests
using Connection = ScriptedBackend::Connection;

// Answers all but "/poison", at which it does `harm` and ends the connection.
ScriptedBackend::Script harmed_by_poison(std::string harm) {
  return [harm = std::move(harm)](Connection& connection) {
    while (const auto request = connection.read_request()) {
      if (request->head.start_line.find("/poison") != std::string::npos) {
        connection.send(harm);
        return;
      }
      connection.send(ok("ok"));
    }
  };
}

std::size_t poisoned(const ScriptedBackend& backend) {
  std::size_t count = 0;
  for (const RecordedRequest& request : backend.requests()) {
    if (request.message.head.start_line.find("/poison") != std::string::npos) ++count;
  }
  return count;
}

std::string large_head() {
  return "HTTP/1.1 200 OK\r\nX: " + std::string(70'000, 'x') + "\r\nContent-Length: 0\r\n\r\n";
}

std::string many_fields() {
  std::string head = "HTTP/1.1 200 OK\r\n";
  for (int i = 0; i < 300; ++i) head += "X: " + std::to_string(i) + "\r\n";
  return head + "Content-Length: 0\r\n\r\n";
}

std::string long_interims() {
  std::string answers;
  for (int i = 0; i < 100; ++i) answers += "HTTP/1.1 103 Early Hints\r\nLink: " + std::string(4000, 'x') + "\r\n\r\n";
  return answers + ok("late");
}

// A client has its answer a moment before that is counted.
bool is_counted(const Balancer& balancer, std::string_view line) {
  const Deadline deadline = within();
  while (admin_get(balancer, "/metrics").body.find(line) == std::string::npos) {
    if (now() >= deadline) return false;
  }
  return true;
}

// Goal: an answer that breaks our own limits is asked for once, is a 502 with its reason, and marks nobody. Method: six
// requests of one user, as many as took both backends out before.
TEST(RequestAtFault, answer_beyond_our_limits_is_asked_for_once_and_marks_nobody) {
  for (const std::string& harm : {large_head(), many_fields(), long_interims()}) {
    ScriptedBackend one(harmed_by_poison(harm));
    ScriptedBackend two(harmed_by_poison(harm));
    Balancer balancer({.backends = {&one, &two}, .admin = true});
    for (int i = 0; i < 6; ++i) {
      Client client(balancer);
      client.send(get("/poison"));
      Message answer = client.read_response();
      while (answer.status() == 103) answer = client.read_response();
      EXPECT_EQ(answer.status(), 502);
      EXPECT_NE(answer.head.value("Proxy-Status").find("http_response_header_section_size"), std::string::npos);
    }
    EXPECT_EQ(poisoned(one) + poisoned(two), 6U);
    EXPECT_EQ(balancer.log().find("[down]"), std::string::npos) << balancer.log();
    EXPECT_EQ(ask_once(balancer, get()).body, "ok");
    EXPECT_TRUE(is_counted(balancer, "answer_too_large\"} 6"));
  }
}

// Goal: a request that fails in the same way at two backends that serve others is tried no further, and its marks are
// taken back; log, /why/ID and metrics say so. Method: it makes backends close, or say what is not HTTP; three
// backends, a second mark would take one out. Without kept connections, which end once more for nothing.
TEST(RequestAtFault, fails_alike_at_two_backends_that_serve_others_and_stops) {
  for (const std::string harm : {"", "this is not HTTP\r\n\r\n"}) {
    ScriptedBackend one(harmed_by_poison(harm));
    ScriptedBackend two(harmed_by_poison(harm));
    ScriptedBackend three(harmed_by_poison(harm));
    Balancer balancer({.backends = {&one, &two, &three},
                       .toml = "[health]\nfailures = 2\n[pool]\nidle_connections = 0\n",
                       .admin = true});
    for (int i = 0; i < 6; ++i) EXPECT_EQ(ask_once(balancer, get("/fine")).body, "ok");
    for (int i = 0; i < 6; ++i) {
      const Message answer = ask_once(balancer, get("/poison?" + std::to_string(i), "X-Request-Id: p\r\n"));
      EXPECT_EQ(answer.status(), 502);
      EXPECT_NE(answer.head.value("Proxy-Status").find("; details=\"failed in the same way at two backends that serve"),
                std::string::npos);
    }
    EXPECT_EQ(poisoned(one) + poisoned(two) + poisoned(three), 12U);
    EXPECT_EQ(balancer.log().find("[down]"), std::string::npos) << balancer.log();
    EXPECT_NE(balancer.log().find("failed in the same way at two backends that serve others well"), std::string::npos);
    EXPECT_TRUE(is_counted(balancer, "request_at_fault\"} 6"));
    EXPECT_NE(admin_get(balancer, "/why/p").body.find("the request itself is taken for the cause"), std::string::npos);
    EXPECT_EQ(ask_once(balancer, get("/fine")).body, "ok");
  }
}

// Goal: a mark that took a backend out at once is taken back, too. Method: one failure marks down.
TEST(RequestAtFault, backend_that_its_mark_took_out_comes_back) {
  ScriptedBackend one(harmed_by_poison(""));
  ScriptedBackend two(harmed_by_poison(""));
  Balancer balancer({.backends = {&one, &two}, .toml = "[health]\nfailures = 1\n"});
  for (int i = 0; i < 2; ++i) EXPECT_EQ(ask_once(balancer, get("/fine")).body, "ok");
  EXPECT_EQ(ask_once(balancer, get("/poison")).status(), 502);
  EXPECT_TRUE(balancer.wait_for_log(one.url() + " [up]"));
  EXPECT_TRUE(balancer.wait_for_log(two.url() + " [up]"));
  for (int i = 0; i < 4; ++i) EXPECT_EQ(ask_once(balancer, get("/fine")).body, "ok");
  EXPECT_EQ(one.request_count(), two.request_count());
}

// Goal: an outage is not taken for the fault of requests. Method: both backends break at once, after they served the
// same page well; they are marked down after three failures each.
TEST(RequestAtFault, outage_is_the_backends_fault) {
  Gate broken;
  const auto script = [&broken](Connection& connection) {
    while (connection.read_request()) {
      if (broken.wait(now())) return;
      connection.send(ok("ok"));
    }
  };
  ScriptedBackend one(script);
  ScriptedBackend two(script);
  Balancer balancer({.backends = {&one, &two}});
  for (int i = 0; i < 6; ++i) EXPECT_EQ(ask_once(balancer, get("/page")).body, "ok");
  broken.open();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(ask_once(balancer, get("/page")).status(), 502);
  EXPECT_TRUE(balancer.wait_for_log(one.url() + " [down] (3 retries failed)"));
  EXPECT_TRUE(balancer.wait_for_log(two.url() + " [down] (3 retries failed)"));
}

}  // namespace
}  // namespace lb::e2e
