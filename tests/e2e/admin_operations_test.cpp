// The operator's orders, by the admin interface of the real binary, against real traffic.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "support/admin.hpp"
#include "support/black_hole.hpp"
#include "support/config_file.hpp"
#include "support/load.hpp"

namespace lb::e2e {
namespace {

using namespace lb::support;  // NOLINT(google-build-using-namespace): the vocabulary of these tests
using Connection = ScriptedBackend::Connection;

// Checks come from the tests alone.
const std::string kQuiet = "[health]\ninterval = \"1h\"\n";

std::ptrdiff_t count(const std::string& text, char letter) {
  return std::count(text.begin(), text.end(), letter);
}

// Goal: a drained backend gets no new request, and the one it is at ends well; enabled, it has its turn again. Method:
// it holds an answer back while it is drained.
TEST(AdminOperations, drain_ends_what_is_under_way_and_enable_brings_it_back) {
  Gate gate;
  ScriptedBackend a([&gate](Connection& connection) {
    while (connection.read_request() && gate.wait()) connection.send(ok("a"));
  });
  ScriptedBackend b(always(ok("b")));
  Balancer balancer({.backends = {&a, &b}, .toml = kQuiet, .threads = 2, .admin = true});
  Client slow(balancer);
  ASSERT_TRUE(slow.send(get()));
  ASSERT_TRUE(a.wait_for_requests(1));
  EXPECT_EQ(text_at(backend_of(balancer, a.url()), "/in_flight"), "1");

  const Message drained = admin_post(balancer, "/backends/drain", by_url(a.url()));
  EXPECT_EQ(drained.status(), 200) << drained.body;
  EXPECT_EQ(text_at(json_of(drained), "/administration"), "draining");
  EXPECT_TRUE(balancer.wait_for_log(a.url() + " [draining] (by the operator)")) << balancer.log();
  EXPECT_EQ(letters(balancer, 6), "bbbbbb");
  EXPECT_EQ(a.request_count(), 1U);
  gate.open();
  EXPECT_EQ(slow.read_response().body, "a");

  EXPECT_EQ(admin_post(balancer, "/backends/enable", by_url(a.url())).status(), 200);
  EXPECT_EQ(count(letters(balancer, 6), 'a'), 3);
  EXPECT_TRUE(balancer.wait_for_log(a.url() + " [active] (by the operator)")) << balancer.log();
}

// Goal: a disabled backend is not checked and has no connection left; enabling checks it first. Method: kept
// connections end; checks come ten times a second, and are HTTP requests that the backend counts.
TEST(AdminOperations, a_disabled_backend_is_left_alone_until_it_is_enabled) {
  ScriptedBackend a(always(ok("a")));
  ScriptedBackend b(always(ok("b")));
  const std::string checks =
      "[health]\ninterval = \"100ms\"\njitter_percent = 0\ncheck = \"http\"\npath = \"/check\"\n";
  Balancer balancer({.backends = {&a, &b}, .toml = checks, .admin = true});
  EXPECT_EQ(letters(balancer, 2), "ab");
  const Message disabled = admin_post(balancer, "/backends/disable", by_url(a.url()));
  ASSERT_EQ(disabled.status(), 200) << disabled.body;
  EXPECT_EQ(text_at(json_of(disabled), "/next_check"), "null");
  // One check may have been under way.
  const auto of_b = [&] { return b.request_count(); };
  ASSERT_TRUE(b.wait_for_requests(of_b() + 3));
  const std::size_t seen = a.request_count();
  ASSERT_TRUE(b.wait_for_requests(of_b() + 5));
  EXPECT_EQ(a.request_count(), seen);
  EXPECT_EQ(letters(balancer, 3), "bbb");
  EXPECT_EQ(admin_post(balancer, "/check", by_url(a.url())).status(), 409);
  EXPECT_EQ(admin_post(balancer, "/backends/enable", by_url(a.url())).status(), 200);
  EXPECT_GT(a.request_count(), seen) << "checked before it gets traffic";
  EXPECT_EQ(count(letters(balancer, 4), 'a'), 2);
  EXPECT_NE(text_at(backend_of(balancer, a.url()), "/next_check"), "null");
}

// Goal: the last order wins, also over one that waits for a check. Method: the check of the one that is enabled takes
// its whole timeout.
TEST(AdminOperations, an_order_during_a_check_wins) {
  ScriptedBackend a(always(ok("a")));
  BlackHole hole;
  ConfigFile file("[health]\ninterval = \"1h\"\ntimeout = \"2s\"\n" + tables_of({&a}) + table_of(hole.url()));
  Balancer balancer(file.flags(), Balancer::Admin::on);
  for (const char* later : {"/backends/drain", "/backends/remove"}) {
    ASSERT_EQ(admin_post(balancer, "/backends/disable", by_url(hole.url())).status(), 200);
    hole.swallow();
    Message enabled;
    std::thread enable([&] { enabled = admin_post(balancer, "/backends/enable", by_url(hole.url())); });
    const Deadline deadline = within();
    const auto is_checked = [&] { return text_at(backend_of(balancer, hole.url()), "/administration") == "draining"; };
    while (!is_checked() && now() < deadline) std::this_thread::yield();
    EXPECT_TRUE(is_checked());
    EXPECT_EQ(admin_post(balancer, later, by_url(hole.url())).status(), 200);
    enable.join();
    EXPECT_EQ(enabled.status(), 409) << enabled.body;
    if (later == std::string("/backends/drain")) {
      EXPECT_EQ(text_at(backend_of(balancer, hole.url()), "/administration"), "draining");
    }
  }
  EXPECT_EQ(balancer.log().find(hole.url() + " [active]"), std::string::npos) << balancer.log();
  EXPECT_TRUE(balancer.wait_for_log(hole.url() + " [draining] (by the operator)")) << balancer.log();
  EXPECT_EQ(letters(balancer, 3), "aaa");
}

// Goal: what is new waits for its first check, and nobody else waits for that. Before: the next order stood in line
// behind it, for up to a second each.
TEST(AdminOperations, orders_do_not_wait_for_the_check_of_a_new_backend) {
  ScriptedBackend a(always(ok("a")));
  ScriptedBackend b(always(ok("b")));
  BlackHole hole;
  hole.swallow();
  Balancer balancer({.backends = {&a, &b}, .toml = kQuiet, .admin = true});
  std::atomic<bool> added{false};
  std::thread add([&] {
    EXPECT_EQ(admin_post(balancer, "/backends", by_url(hole.url())).status(), 201);
    added = true;
  });
  EXPECT_TRUE(balancer.wait_for_log(hole.url() + " [added] (by the operator)")) << balancer.log();
  EXPECT_EQ(admin_post(balancer, "/backends/remove", by_url(b.url())).status(), 200);
  EXPECT_EQ(letters(balancer, 3), "aaa");
  EXPECT_FALSE(added) << "it is being checked, and gets no requests meanwhile";
  add.join();
  EXPECT_EQ(letters(balancer, 3), "aaa") << "its check has failed";
}

// Goal: a backend that is removed gets no request after the answer says so, though the one in its place is still being
// checked.
TEST(AdminOperations, what_is_removed_is_gone_although_its_successor_is_being_checked) {
  Gate gate;
  ScriptedBackend a(always(ok("a")));
  ScriptedBackend b([&gate](Connection& connection) {
    while (const auto request = connection.read_request()) {
      const bool is_check = request->head.start_line.find("/check") != std::string::npos;
      if (is_check && !gate.wait()) return;
      if (!connection.send(ok("b"))) return;
    }
  });
  const std::string checks = "[health]\ninterval = \"1h\"\ncheck = \"http\"\npath = \"/check\"\n";
  Balancer balancer({.backends = {&a}, .toml = checks, .admin = true});
  std::thread add([&] { EXPECT_EQ(admin_post(balancer, "/backends", by_url(b.url())).status(), 201); });
  EXPECT_TRUE(balancer.wait_for_log(b.url() + " [added] (by the operator)")) << balancer.log();
  EXPECT_EQ(admin_post(balancer, "/backends/remove", by_url(a.url())).status(), 200);
  EXPECT_EQ(letters(balancer, 3), "bbb");
  gate.open();
  add.join();
}

// Goal: one that fails its first check is looked at again as soon as one that is down. Method: it comes up a moment
// after it was added; only checks of backends that are down are made at all.
TEST(AdminOperations, one_that_fails_its_first_check_is_checked_again_soon) {
  ScriptedBackend a(always(ok("a")));
  ScriptedBackend b(always(ok("b")));
  b.stop();
  Balancer balancer(
      {.backends = {&a}, .toml = "[health]\ninterval = \"1h\"\ndown_interval = \"100ms\"\n", .admin = true});
  EXPECT_EQ(admin_post(balancer, "/backends", by_url(b.url())).status(), 201);
  EXPECT_TRUE(balancer.wait_for_log(b.url() + " [down] (health check failed)")) << balancer.log();
  b.start();
  EXPECT_TRUE(balancer.wait_for_log(b.url() + " [up]")) << balancer.log();
}

// Goal: the check before the traffic decides alone, whatever health.fall says. Method: it was up when it was disabled,
// and is gone when it is enabled.
TEST(AdminOperations, one_that_is_enabled_has_to_pass_its_check) {
  ScriptedBackend a(always(ok("a")));
  ScriptedBackend b(always(ok("b")));
  Balancer balancer({.backends = {&a, &b}, .toml = "[health]\ninterval = \"1h\"\nfall = 3\n", .admin = true});
  ASSERT_EQ(admin_post(balancer, "/backends/disable", by_url(a.url())).status(), 200);
  a.stop();
  EXPECT_EQ(text_at(json_of(admin_post(balancer, "/backends/enable", by_url(a.url()))), "/state"), "down");
  EXPECT_EQ(letters(balancer, 3), "bbb");
  EXPECT_EQ(text_at(backend_of(balancer, a.url()), "/attempts"), "0");
}

// Goal: the connections that idle in the pool are closed when their backend is disabled.
TEST(AdminOperations, disabling_closes_idle_connections) {
  std::atomic<bool> ended = false;
  ScriptedBackend a([&ended](Connection& connection) {
    while (connection.read_request()) connection.send(ok("a"));
    if (connection.number() > 0) ended = true;
  });
  Balancer balancer({.backends = {&a}, .toml = kQuiet + "[pool]\nidle_timeout = \"1h\"\n", .admin = true});
  EXPECT_EQ(letters(balancer, 1), "a");
  EXPECT_FALSE(ended);
  EXPECT_EQ(admin_post(balancer, "/backends/disable", by_url(a.url())).status(), 200);
  const Deadline deadline = within();
  while (!ended && now() < deadline) std::this_thread::yield();
  EXPECT_TRUE(ended);
}

// Goal: with nobody left to ask, clients get 503 at once, and /readyz says so. Method: one drained, one disabled.
TEST(AdminOperations, with_all_backends_out_the_answer_is_503) {
  ScriptedBackend a(always(ok("a")));
  ScriptedBackend b(always(ok("b")));
  Balancer balancer({.backends = {&a, &b}, .toml = kQuiet, .admin = true});
  EXPECT_EQ(admin_get(balancer, "/readyz").status(), 200);
  admin_post(balancer, "/backends/drain", by_url(a.url()));
  EXPECT_EQ(admin_get(balancer, "/readyz").status(), 200);
  admin_post(balancer, "/backends/disable", by_url(b.url()));
  EXPECT_EQ(ask_once(balancer, get()).status(), 503);
  const Message ready = admin_get(balancer, "/readyz");
  EXPECT_EQ(ready.status(), 503);
  EXPECT_EQ(ready.body, "no backend is active and up\n");
  // It is counted when it has ended, which the client may see first.
  const auto refused = [&] { return text_at(status_of(balancer), "/requests/refused/no_backend"); };
  const Deadline deadline = within();
  while (refused() == "0" && now() < deadline) std::this_thread::yield();
  EXPECT_EQ(refused(), "1");
  admin_post(balancer, "/backends/enable", by_url(b.url()));
  EXPECT_EQ(ask_once(balancer, get()).body, "b");
}

// Goal: shares are exact at once, on all workers.
TEST(AdminOperations, a_weight_changes_the_shares) {
  ScriptedBackend a(always(ok("a")));
  ScriptedBackend b(always(ok("b")));
  Balancer balancer({.backends = {&a, &b}, .toml = kQuiet, .threads = 2, .admin = true});
  EXPECT_EQ(letters(balancer, 4), "abab");
  const Message weighed = admin_post(balancer, "/backends/weight", by_url(a.url(), "\"weight\": 3"));
  EXPECT_EQ(weighed.status(), 200) << weighed.body;
  EXPECT_EQ(text_at(json_of(weighed), "/weight"), "3");
  // The workers are told by then: an answer to a later request of ours comes after theirs.
  const std::string seen = letters(balancer, 40);
  EXPECT_NEAR(static_cast<double>(count(seen, 'a')), 30, 1) << seen;
  const std::string exact = letters(balancer, 40);
  EXPECT_EQ(count(exact, 'a'), 30) << exact;
}

// Goal: a backend is added, used, and removed under the traffic of others, and no request fails.
TEST(AdminOperations, add_and_remove_under_load) {
  ScriptedBackend a(always(ok("a")));
  ScriptedBackend b(always(ok("b")));
  Balancer balancer({.backends = {&a}, .toml = kQuiet, .threads = 2, .admin = true});
  Load load(balancer.port(), {.kept = 2, .fresh = 1});
  for (int round = 0; round < 5 && !testing::Test::HasFailure(); ++round) {
    const std::size_t before = b.request_count();
    const Message added = admin_post(balancer, "/backends", by_url(b.url(), "\"weight\": 2, \"connections_max\": 50"));
    EXPECT_EQ(added.status(), 201) << added.body;
    EXPECT_EQ(text_at(json_of(added), "/connections_max"), "50");
    EXPECT_EQ(text_at(json_of(added), "/state"), "up") << "checked before it is told";
    EXPECT_TRUE(b.wait_for_requests(before + 10));
    const Message removed = admin_post(balancer, "/backends/remove", by_url(b.url()));
    EXPECT_EQ(removed.status(), 200) << removed.body;
    EXPECT_EQ(json_of(removed).at("backends").as_array().size(), 1U);
  }
  load.stop();
  EXPECT_EQ(load.failures(), 0U) << load.first_failure();
  const std::size_t after = b.request_count();
  EXPECT_EQ(letters(balancer, 4), "aaaa");
  EXPECT_EQ(b.request_count(), after);
}

// Goal: what contradicts the state is 409 or 404, what is no order 400, each with its reason, and nothing changes.
TEST(AdminOperations, what_cannot_be_done_is_said) {
  ScriptedBackend a(always(ok("a")));
  Balancer balancer({.backends = {&a}, .toml = kQuiet, .admin = true});
  struct Case {
    std::string path;
    std::string body;
    int status;
    std::string says;
  };
  const std::string url = a.url();
  const std::vector<Case> cases{
      {"/backends", by_url(url), 409, "is a backend already"},
      {"/backends", by_url("HTTP://127.0.0.1:" + std::to_string(a.port()) + "/"), 409, "is a backend already"},
      {"/backends/remove", by_url(url), 409, "is the last backend"},
      {"/backends/remove", by_url("http://127.0.0.1:1"), 404, "there is no backend http://127.0.0.1:1"},
      {"/backends/drain", by_url("http://nobody"), 404, "there is no backend http://nobody"},
      {"/backends/weight", by_url("http://nobody", "\"weight\": 1"), 404, "there is no backend"},
      {"/check", by_url("http://nobody"), 404, "there is no backend"},
      {"/backends/drain", by_url("ftp://x"), 400, "url: "},
      {"/backends", by_url("http://a/path"), 400, "url: "},
      {"/backends", by_url("http://a", "\"weight\": 0"), 400, "weight: 0 is not a whole number between 1 and 256"},
      {"/backends", by_url("http://a", "\"weight\": 18446744073709551615"), 400, "weight: "},
      {"/backends", by_url("http://a", "\"weight\": \"3\""), 400, "\\\"weight\\\" has to be a whole number"},
      {"/backends", by_url("http://a", "\"weight\": 1.5"), 400, "\\\"weight\\\" has to be a whole number"},
      {"/backends", by_url("http://a", "\"connections_max\": -1"), 400, "connections_max: "},
      {"/backends", by_url("http://a", "\"wieght\": 1"), 400, "unknown member \\\"wieght\\\""},
      {"/backends/weight", by_url(url), 400, "the member \\\"weight\\\" is missing"},
      {"/backends/weight", by_url(url, "\"weight\": 257"), 400, "weight: 257"},
      {"/backends/drain", "{}", 400, "the member \\\"url\\\" is missing"},
      {"/backends/drain", "", 400, "the member \\\"url\\\" is missing"},
      {"/backends/drain", "{\"url\": 3}", 400, "has to be a string"},
      {"/backends/drain", "[]", 400, "a JSON object"},
      {"/backends/drain", "\"url\"", 400, "a JSON object"},
      {"/backends/drain", "{\"url\"", 400, "no JSON"},
      {"/backends/drain", std::string(2000, '['), 400, "no JSON"},
      {"/reload", "{\"now\": true}", 400, "unknown member \\\"now\\\"; known here: none"},
      {"/check", "{\"backend\": \"x\"}", 400, "unknown member"},
  };
  for (const Case& row : cases) {
    const Message answer = admin_post(balancer, row.path, row.body);
    EXPECT_EQ(answer.status(), row.status) << row.path << " " << row.body << "\n" << answer.body;
    EXPECT_NE(answer.body.find(row.says), std::string::npos) << row.says << "\n" << answer.body;
    EXPECT_TRUE(json_of(answer).as_object().contains("error")) << answer.body;
  }
  EXPECT_EQ(letters(balancer, 2), "aa");
  EXPECT_EQ(balancer.log().find("(by the operator)"), std::string::npos) << balancer.log();
}

// Goal: a check that is asked for brings a recovered backend back, long before its turn. Method: it is down at first.
TEST(AdminOperations, check_brings_a_recovered_backend_back) {
  ScriptedBackend a(always(ok("a")));
  ScriptedBackend b(always(ok("b")));
  b.stop();
  Balancer balancer({.backends = {&a, &b}, .toml = kQuiet, .admin = true});
  EXPECT_EQ(text_at(backend_of(balancer, b.url()), "/state"), "down");
  EXPECT_EQ(text_at(backend_of(balancer, b.url()), "/reason"), "health check failed: connection refused");
  EXPECT_EQ(letters(balancer, 3), "aaa");
  b.start();
  const Message one = admin_post(balancer, "/check", by_url(b.url()));
  EXPECT_EQ(text_at(json_of(one), "/state"), "up") << one.body;
  EXPECT_EQ(text_at(json_of(one), "/changes"), "2");
  EXPECT_EQ(count(letters(balancer, 4), 'b'), 2);
  b.stop();
  const Message all = admin_post(balancer, "/check", "");
  EXPECT_EQ(all.status(), 200);
  EXPECT_EQ(text_at(json_of(all), "/backends/1/state"), "down") << all.body;
  EXPECT_EQ(json_of(all).at_pointer("/backends/1/checks").as_array().size(), 3U);
}

// Goal: the file is read again by order, with the result as the answer; what the operator has changed at the backends
// is undone, and said; what is drained stays so.
TEST(AdminOperations, reload_answers_with_its_result_and_says_what_it_undoes) {
  ScriptedBackend a(always(ok("a")));
  ScriptedBackend b(always(ok("b")));
  ScriptedBackend c(always(ok("c")));
  ConfigFile file(kQuiet + tables_of({&a, &b}));
  Balancer balancer(file.flags(), Balancer::Admin::on);
  EXPECT_EQ(admin_post(balancer, "/backends", by_url(c.url())).status(), 201);
  EXPECT_EQ(admin_post(balancer, "/backends/weight", by_url(a.url(), "\"weight\": 5")).status(), 200);
  EXPECT_EQ(admin_post(balancer, "/backends/drain", by_url(a.url())).status(), 200);
  EXPECT_EQ(admin_post(balancer, "/backends/remove", by_url(b.url())).status(), 200);
  EXPECT_EQ(letters(balancer, 3), "ccc");

  const Message reloaded = admin_post(balancer, "/reload", "");
  EXPECT_EQ(reloaded.status(), 200) << reloaded.body;
  EXPECT_EQ(text_at(json_of(reloaded), "/message"), "2 backends, 1 of them new, 1 removed");
  EXPECT_EQ(letters(balancer, 3), "bbb");
  const std::string log = balancer.log();
  EXPECT_NE(log.find(c.url() + " goes: the operator has added it"), std::string::npos) << log;
  EXPECT_NE(log.find(b.url() + " is back: the operator has removed it"), std::string::npos) << log;
  EXPECT_NE(log.find(a.url() + " has the weight 1 of the file again"), std::string::npos) << log;
  EXPECT_TRUE(balancer.wait_for_log(a.url() + " stays drained, as the operator has ordered")) << balancer.log();

  file.write(kQuiet + "[retry]\nattempts = 0\n" + tables_of({&a}));
  const Message refused = admin_post(balancer, "/reload", "{}");
  EXPECT_EQ(refused.status(), 409) << refused.body;
  EXPECT_NE(refused.body.find("load-balancer.toml:4:12: retry.attempts"), std::string::npos) << refused.body;
  const boost::json::value status = status_of(balancer);
  EXPECT_EQ(text_at(status, "/reload/successes"), "1");
  EXPECT_EQ(text_at(status, "/reload/failures"), "1");
  EXPECT_EQ(text_at(status, "/reload/last/ok"), "false");
  EXPECT_EQ(letters(balancer, 3), "bbb");
}

// Goal: orders and signals that come at once all take effect, one after the other. Method: SIGHUP storms while backends
// come and go.
TEST(AdminOperations, orders_and_reloads_at_once_do_not_mix) {
  ScriptedBackend a(always(ok("a")));
  ScriptedBackend b(always(ok("b")));
  ConfigFile file(kQuiet + tables_of({&a}));
  Balancer balancer(file.flags(), Balancer::Admin::on);
  for (int i = 0; i < 20; ++i) {
    balancer.signal(SIGHUP);
    const int added = admin_post(balancer, "/backends", by_url(b.url())).status();
    EXPECT_TRUE(added == 201 || added == 409) << added;
    balancer.signal(SIGHUP);
    const int removed = admin_post(balancer, "/backends/remove", by_url(b.url())).status();
    EXPECT_TRUE(removed == 200 || removed == 404) << removed;
  }
  EXPECT_EQ(admin_post(balancer, "/reload", "").status(), 200);
  EXPECT_EQ(letters(balancer, 3), "aaa");
}

}  // namespace
}  // namespace lb::e2e
