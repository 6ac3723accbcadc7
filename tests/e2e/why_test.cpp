// GET /why/ID of the real binary: what it tells of requests that real backends answered, failed, or never saw.
#include <string>

#include <gtest/gtest.h>

#include "support/admin.hpp"
#include "support/config_file.hpp"
#include "support/load.hpp"

namespace lb::e2e {
namespace {

using namespace lb::support;  // NOLINT(google-build-using-namespace): the vocabulary of these tests
using Connection = ScriptedBackend::Connection;

const std::string kQuiet = "[health]\ninterval = \"1h\"\n";

std::string named(const std::string& id) {
  return get("/shop", "X-Request-Id: " + id + "\r\n");
}

// A request is recorded when it has ended, which the client may see first.
boost::json::value why(const Balancer& balancer, const std::string& id) {
  const Deadline deadline = within();
  Message answer = admin_get(balancer, "/why/" + id);
  while (answer.status() == 404 && now() < deadline) answer = admin_get(balancer, "/why/" + id);
  EXPECT_EQ(answer.status(), 200) << answer.body;
  return json_of(answer);
}

// Goal: every backend of the configuration appears once, with what it had to do with the request. Method: of four, one
// refuses connections, one answers, one is drained, and the last is not reached.
TEST(Why, tells_of_each_backend) {
  ScriptedBackend broken([](Connection& connection) { (void)connection.read_request(); });
  ScriptedBackend good(always(ok("good")));
  ScriptedBackend drained(always(ok("drained")));
  ScriptedBackend idle(always(ok("idle")));
  Balancer balancer({.backends = {&broken, &good, &drained, &idle}, .toml = kQuiet, .threads = 1, .admin = true});
  ASSERT_EQ(admin_post(balancer, "/backends/drain", by_url(drained.url())).status(), 200);
  EXPECT_EQ(ask_once(balancer, named("first")).body, "good");

  const auto told = why(balancer, "first");
  EXPECT_EQ(text_at(told, "/id"), "first");
  EXPECT_EQ(text_at(told, "/request"), "GET /shop HTTP/1.1");
  EXPECT_EQ(text_at(told, "/status"), "200");
  EXPECT_EQ(text_at(told, "/ended_by"), "complete");
  EXPECT_EQ(text_at(told, "/attempts/0/backend"), broken.url());
  EXPECT_EQ(text_at(told, "/attempts/0/result"), "no_answer");
  EXPECT_EQ(text_at(told, "/attempts/1/backend"), good.url());
  EXPECT_EQ(text_at(told, "/attempts/1/result"), "answered");
  EXPECT_EQ(text_at(told, "/others/0/backend"), drained.url());
  EXPECT_EQ(text_at(told, "/others/0/why"), "drained");
  EXPECT_EQ(text_at(told, "/others/1/backend"), idle.url());
  EXPECT_EQ(text_at(told, "/others/1/why"), "not_its_turn");
  const std::string sentence = text_at(told, "/explanation");
  EXPECT_TRUE(
      sentence.starts_with("It was the turn of " + broken.url() + ", which took the request and gave no answer"))
      << sentence;
  EXPECT_NE(sentence.find("then " + good.url() + " answered with 200 after "), std::string::npos) << sentence;
  EXPECT_TRUE(sentence.ends_with(drained.url() + " is being drained, and so had no turn.")) << sentence;
}

// Goal: the turn of a backend that is out is named as passed over, not as another's.
TEST(Why, names_who_was_passed_over) {
  ScriptedBackend a(always(ok("a")));
  ScriptedBackend b(always(ok("b")));
  Balancer balancer({.backends = {&a, &b}, .toml = kQuiet, .threads = 1, .admin = true});
  ASSERT_EQ(admin_post(balancer, "/backends/disable", by_url(a.url())).status(), 200);
  EXPECT_EQ(ask_once(balancer, named("second")).body, "b");
  const auto told = why(balancer, "second");
  EXPECT_EQ(text_at(told, "/passed_over/0/backend"), a.url());
  EXPECT_EQ(text_at(told, "/passed_over/0/why"), "disabled");
  EXPECT_TRUE(text_at(told, "/explanation").starts_with(a.url() + " is disabled; it was the turn of " + b.url()));
}

// Goal: what was ordered after the request is not held to be the reason. Method: an order before it, and one after.
TEST(Why, knows_what_came_later) {
  ScriptedBackend a(always(ok("a")));
  ScriptedBackend b(always(ok("b")));
  ScriptedBackend c(always(ok("c")));
  Balancer balancer({.backends = {&a, &b, &c}, .toml = kQuiet, .threads = 1, .admin = true});
  ASSERT_EQ(admin_post(balancer, "/backends/drain", by_url(b.url())).status(), 200);
  EXPECT_EQ(ask_once(balancer, named("early")).body, "a");
  ASSERT_EQ(admin_post(balancer, "/backends/drain", by_url(c.url())).status(), 200);
  const auto told = why(balancer, "early");
  EXPECT_EQ(text_at(told, "/others/0/why"), "drained");
  EXPECT_EQ(text_at(told, "/others/1/why"), "not_its_turn");
  EXPECT_EQ(text_at(told, "/others/1/administration"), "draining");
  EXPECT_EQ(text_at(told, "/explanation").find(c.url()), std::string::npos) << text_at(told, "/explanation");
}

// Goal: a backend that takes a request on a kept connection and closes it is blamed where the request is not repeated.
TEST(Why, a_request_that_was_not_repeated_had_no_answer) {
  ScriptedBackend a([](Connection& connection) {
    while (const auto request = connection.read_request()) {
      if (request->head.text.starts_with("POST")) return;
      connection.send(ok("a"));
    }
  });
  Balancer balancer({.backends = {&a}, .toml = kQuiet, .threads = 1, .admin = true});
  Client client(balancer);
  EXPECT_EQ(client.ask(get()).body, "a");
  EXPECT_EQ(client.ask(request("POST", "body", "X-Request-Id: third\r\n")).status(), 502);
  const auto told = why(balancer, "third");
  EXPECT_EQ(text_at(told, "/attempts/0/result"), "no_answer");
  EXPECT_EQ(text_at(told, "/attempts/0/reused"), "true");
  EXPECT_NE(text_at(told, "/explanation").find("took the request and gave no answer"), std::string::npos);
  EXPECT_EQ(text_at(backend_of(balancer, a.url()), "/results/no_answer"), "1");
  EXPECT_EQ(text_at(backend_of(balancer, a.url()), "/results/stale"), "0");
}

// Goal: also the balancer's own answers are explained, and an id that nobody had is a 404 that says what is kept.
TEST(Why, explains_own_answers_and_knows_what_it_does_not_know) {
  ScriptedBackend a(always(ok("a")));
  Balancer balancer({.backends = {&a}, .toml = kQuiet, .threads = 2, .admin = true});
  ASSERT_EQ(admin_post(balancer, "/backends/disable", by_url(a.url())).status(), 200);
  EXPECT_EQ(ask_once(balancer, named("a/b%20c")).status(), 503);
  const auto told = why(balancer, "a%2Fb%2520c");
  EXPECT_EQ(text_at(told, "/id"), "a/b%20c");
  EXPECT_EQ(text_at(told, "/refusal"), "no_backend");
  EXPECT_NE(text_at(told, "/explanation").find("no backend was asked; the balancer itself answered with 503"),
            std::string::npos)
      << text_at(told, "/explanation");
  const Message unknown = admin_get(balancer, "/why/nobody");
  EXPECT_EQ(unknown.status(), 404);
  EXPECT_NE(unknown.body.find("no request with this id is remembered"), std::string::npos) << unknown.body;
}

}  // namespace
}  // namespace lb::e2e
