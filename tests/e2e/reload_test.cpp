// SIGHUP: the configuration is read again, and nobody notices but those it is about.
#include <algorithm>
#include <chrono>
#include <csignal>
#include <string>
#include <unistd.h>

#include <gtest/gtest.h>

#include "support/balancer.hpp"
#include "support/black_hole.hpp"
#include "support/config_file.hpp"
#include "support/load.hpp"

namespace lb::e2e {
namespace {

using namespace lb::support;  // NOLINT(google-build-using-namespace): the vocabulary of these tests
using Connection = ScriptedBackend::Connection;

// One worker, so that there is one order of picks, and idle connections that outlast a slow test.
const std::string kQuiet = "server.threads = 1\npool.idle_timeout = \"1m\"\n";

// Goal: a backend that was added gets traffic; one that was removed gets none any more, while its request in flight
// ends well. Method: the removed one holds a request back until the reload is over.
TEST(Reload, added_backend_gets_traffic_and_removed_one_only_finishes) {
  Gate gate;
  ScriptedBackend gone([&gate](Connection& connection) {
    while (connection.read_request() && gate.wait()) connection.send(ok("gone"));
  });
  ScriptedBackend stays(always(ok("stays")));
  ScriptedBackend fresh(always(ok("fresh")));
  ConfigFile file(kQuiet + tables_of({&gone, &stays}));
  Balancer balancer(file.flags());
  Client waiting(balancer);
  waiting.send(get());
  ASSERT_TRUE(gone.wait_for_requests(1));
  reload(balancer, file, kQuiet + tables_of({&stays, &fresh}));
  const std::string seen = letters(balancer, 6);
  EXPECT_EQ(std::count(seen.begin(), seen.end(), 's'), 3) << seen;
  EXPECT_EQ(std::count(seen.begin(), seen.end(), 'f'), 3) << seen;
  gate.open();
  EXPECT_EQ(waiting.read_response().body, "gone");
  EXPECT_EQ(letters(waiting, 2).find('g'), std::string::npos) << "the same connection goes on, elsewhere";
  EXPECT_EQ(gone.request_count(), 1U);
  EXPECT_TRUE(balancer.wait_for_log("2 backends, 1 of them new, 1 removed"));
}

// Goal: idle connections to a backend that stays are used on; those to one that goes are closed. Method: connections
// are counted at the backends; the removed one sees the end of its connection.
TEST(Reload, pooled_connections_survive_where_the_backend_stays) {
  Gate closed;
  ScriptedBackend stays(always(ok("stays")));
  ScriptedBackend gone([&closed](Connection& connection) {
    while (connection.read_request()) connection.send(ok("gone"));
    if (connection.number() > 0) closed.open();
  });
  ScriptedBackend fresh(always(ok("fresh")));
  ConfigFile file(kQuiet + tables_of({&stays, &gone}));
  Balancer balancer(file.flags());
  EXPECT_EQ(letters(balancer, 4), "sgsg");
  reload(balancer, file, kQuiet + tables_of({&fresh, &stays}));
  EXPECT_TRUE(closed.wait()) << "an idle connection to a backend that left stays open";
  EXPECT_EQ(letters(balancer, 4).size(), 4U);
  EXPECT_EQ(stays.connections(), 1U);
  EXPECT_EQ(stays.request_count(), 4U);
  EXPECT_EQ(gone.connections(), 1U);
}

// Goal: the turn goes on where it was; when the backend whose turn it was has left, the one behind it is next.
TEST(Reload, round_robin_goes_on_where_it_was) {
  ScriptedBackend a(always(ok("a")));
  ScriptedBackend b(always(ok("b")));
  ScriptedBackend c(always(ok("c")));
  ScriptedBackend d(always(ok("d")));
  ConfigFile file(kQuiet + tables_of({&a, &b, &c}));
  Balancer balancer(file.flags());
  EXPECT_EQ(letters(balancer, 1), "a");
  reload(balancer, file, kQuiet + tables_of({&a, &b, &c}));
  EXPECT_EQ(letters(balancer, 1), "b");
  reload(balancer, file, kQuiet + tables_of({&d, &c, &b, &a}));
  EXPECT_EQ(letters(balancer, 2), "cb");
  reload(balancer, file, kQuiet + tables_of({&b, &c, &d}));
  EXPECT_EQ(letters(balancer, 4), "dbcd") << "the turn was a's, which left; behind it came d";
}

// Goal: health is kept. Method: requests have marked a backend down; its port answers, so a check would bring it back.
TEST(Reload, a_backend_that_is_down_stays_down) {
  ScriptedBackend bad([](Connection& connection) { static_cast<void>(connection.read_request()); });
  ScriptedBackend good(always(ok("good")));
  ScriptedBackend other(always(ok("other")));
  ConfigFile file(kQuiet + tables_of({&bad, &good}));
  Balancer balancer(file.flags());
  EXPECT_EQ(letters(balancer, 6), "gggggg");
  ASSERT_TRUE(balancer.wait_for_log(bad.url() + " [down] (3 retries failed)"));
  const std::size_t from = balancer.log().size();
  reload(balancer, file, kQuiet + tables_of({&bad, &good, &other}));
  EXPECT_EQ(letters(balancer, 8).find('!'), std::string::npos);
  EXPECT_EQ(bad.request_count(), 3U);
  EXPECT_EQ(balancer.log().find(bad.url() + " [up]", from), std::string::npos);
  EXPECT_NE(balancer.log().find(other.url() + " [up]", from), std::string::npos);
}

// Goal: a failure counts across a reload. Method: two failures, a reload, the third.
TEST(Reload, failures_in_a_row_are_counted_on) {
  ScriptedBackend bad([](Connection& connection) { static_cast<void>(connection.read_request()); });
  ScriptedBackend good(always(ok("good")));
  ConfigFile file(kQuiet + tables_of({&bad, &good}));
  Balancer balancer(file.flags());
  EXPECT_EQ(letters(balancer, 2), "gg");
  EXPECT_EQ(bad.request_count(), 2U);
  reload(balancer, file, kQuiet + tables_of({&bad, &good}));
  EXPECT_EQ(letters(balancer, 3), "ggg");
  EXPECT_TRUE(balancer.wait_for_log(bad.url() + " [down] (3 retries failed)"));
  EXPECT_EQ(bad.request_count(), 3U);
}

// Goal: a new backend is checked before it gets traffic. Method: its port is closed.
TEST(Reload, a_new_backend_that_is_not_there_gets_no_request) {
  ScriptedBackend a(always(ok("a")));
  ScriptedBackend absent(always(ok("x")));
  absent.stop();
  ConfigFile file(kQuiet + tables_of({&a}));
  Balancer balancer(file.flags());
  const std::size_t from = balancer.log().size();
  reload(balancer, file, kQuiet + tables_of({&a, &absent}));
  const std::string log = balancer.log();
  const std::size_t down = log.find(absent.url() + " [down] (health check failed)", from);
  EXPECT_NE(down, std::string::npos) << log;
  EXPECT_LT(down, log.find(kInForce, from));
  EXPECT_EQ(letters(balancer, 4), "aaaa");
}

// Goal: tunnels live on, to a backend that stays and to one that goes. Method: bytes both ways after the reload, and
// after another one.
TEST(Reload, tunnels_carry_on) {
  const auto echo = [](Connection& connection) {
    while (const auto head = connection.read_request_head()) {
      if (!head->has("Upgrade")) {
        connection.send(ok("plain"));
        continue;
      }
      connection.send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n");
      for (std::string bytes; !(bytes = connection.read_some()).empty();) connection.send(bytes);
    }
  };
  ScriptedBackend stays(echo);
  ScriptedBackend gone(echo);
  ScriptedBackend fresh(always(ok("fresh")));
  ConfigFile file(kQuiet + tables_of({&stays, &gone}));
  Balancer balancer(file.flags());
  Client to_stays(balancer);
  Client to_gone(balancer);
  for (Client* client : {&to_stays, &to_gone}) {
    client->send(get("/", "Upgrade: x\r\nConnection: upgrade\r\n"));
    ASSERT_TRUE(client->read_head());
  }
  ASSERT_EQ(stays.request_count(), 1U);
  ASSERT_EQ(gone.request_count(), 1U);
  for (const std::string& text : {tables_of({&stays}), tables_of({&stays, &fresh})}) {
    reload(balancer, file, kQuiet + text);
    EXPECT_EQ(letters(balancer, 2).find('!'), std::string::npos);
    for (Client* client : {&to_stays, &to_gone}) {
      client->send("still here");
      EXPECT_EQ(client->read_exactly(10), "still here");
    }
  }
  EXPECT_EQ(gone.request_count(), 1U);
  to_gone.shutdown_send();
  EXPECT_EQ(to_gone.read_to_end(), "");
}

// Goal: weights change, to and fro, and connections stay. Method: who answers how often.
TEST(Reload, weights_change) {
  ScriptedBackend a(always(ok("a")));
  ScriptedBackend b(always(ok("b")));
  ConfigFile file(kQuiet + tables_of({&a, &b}));
  Balancer balancer(file.flags());
  EXPECT_EQ(letters(balancer, 4), "abab");
  reload(balancer, file, kQuiet + table_of(a.url(), "weight = 3\n") + table_of(b.url()));
  const std::string seen = letters(balancer, 8);
  EXPECT_EQ(std::count(seen.begin(), seen.end(), 'a'), 6) << seen;
  reload(balancer, file, kQuiet + tables_of({&a, &b}));
  const std::string again = letters(balancer, 8);
  EXPECT_EQ(std::count(again.begin(), again.end(), 'a'), 4) << again;
  EXPECT_EQ(a.connections() + b.connections(), 2U);
}

// Goal: one that was removed and is added again is a new backend: checked, used, and its count of failures is 0.
TEST(Reload, a_backend_that_is_removed_and_added_again_is_new) {
  ScriptedBackend a(always(ok("a")));
  ScriptedBackend b(always(ok("b")));
  ConfigFile file(kQuiet + tables_of({&a, &b}));
  Balancer balancer(file.flags());
  for (int round = 0; round < 3; ++round) {
    EXPECT_EQ(letters(balancer, 4).find('!'), std::string::npos);
    const std::size_t before = b.request_count();
    EXPECT_GT(before, 0U);
    reload(balancer, file, kQuiet + tables_of({&a}));
    EXPECT_EQ(letters(balancer, 3), "aaa");
    EXPECT_EQ(b.request_count(), before);
    const std::size_t from = balancer.log().size();
    reload(balancer, file, kQuiet + tables_of({&a, &b}));
    EXPECT_NE(balancer.log().find(b.url() + " [up]", from), std::string::npos) << balancer.log();
  }
}

// Goal: a backend that takes a removed one's place in the workers' tables gets none of its connections or addresses.
// Method: each reload replaces the only backend by another; who answers is who is configured.
TEST(Reload, places_of_removed_backends_are_used_again_cleanly) {
  ScriptedBackend a(always(ok("a")));
  ScriptedBackend b(always(ok("b")));
  ScriptedBackend c(always(ok("c")));
  ConfigFile file(kQuiet + tables_of({&a}));
  Balancer balancer(file.flags({"-threads", "3"}));
  for (int round = 0; round < 4; ++round) {
    for (const ScriptedBackend* backend : {&b, &c, &a}) {
      reload(balancer, file, kQuiet + tables_of({backend}));
      const char expected = backend == &a ? 'a' : backend == &b ? 'b' : 'c';
      for (int i = 0; i < 6; ++i) ASSERT_EQ(ask_once(balancer, get()).body, std::string(1, expected));
    }
  }
}

// Goal: no request fails because of reloads. Method: 100 of them, to and fro between two sets of backends that have one
// in common, while clients ask on kept and on fresh connections; with several workers.
TEST(Reload, a_hundred_reloads_under_load_fail_no_request) {
  ScriptedBackend a(always(ok("a")));
  ScriptedBackend b(always(ok("b")));
  ScriptedBackend c(always(ok("c")));
  ConfigFile file(tables_of({&a, &b}));
  Balancer balancer(file.flags({"-threads", "2"}));
  Load load(balancer.port(), {.kept = 3, .fresh = 2});
  for (int i = 0; i < 100 && !testing::Test::HasFailure(); ++i) {
    reload(balancer, file, i % 2 == 0 ? tables_of({&b, &c}) : tables_of({&a, &b}));
  }
  EXPECT_TRUE(load.wait_for_answers(load.answers() + 20));
  load.stop();
  EXPECT_EQ(load.failures(), 0U) << load.first_failure();
  EXPECT_GT(load.answers(), 100U);
  EXPECT_GT(a.request_count(), 0U);
  EXPECT_GT(c.request_count(), 0U);
  EXPECT_EQ(balancer.log().find("[down]"), std::string::npos) << balancer.log();
}

// Goal: many signals at once end in the newest configuration. Method: the file changes with each signal, and a new
// backend that swallows connections makes each reading take a second.
TEST(Reload, signals_during_a_reload_end_in_the_newest_configuration) {
  ScriptedBackend a(always(ok("a")));
  ScriptedBackend b(always(ok("b")));
  BlackHole hole;
  hole.swallow();
  ConfigFile file(kQuiet + tables_of({&a}));
  Balancer balancer(file.flags());
  std::size_t from = balancer.log().size();
  file.write(kQuiet + tables_of({&a}) + table_of(hole.url()));
  balancer.signal(SIGHUP);
  ASSERT_TRUE(balancer.wait_for_log("reading the configuration again", from));
  for (int i = 0; i < 20; ++i) {
    file.write(kQuiet + tables_of({i < 19 ? &a : &b}));
    balancer.signal(SIGHUP);
  }
  ASSERT_TRUE(balancer.wait_for_log("1 backend, 1 of them new", from)) << balancer.log();
  EXPECT_EQ(letters(balancer, 3), "bbb");
}

// Goal: a check that hangs holds no reload up, and its result does not hit what came meanwhile. Method: a backend that
// swallows the check's connection, with 20 s for it, is removed.
TEST(Reload, does_not_wait_for_a_check_that_hangs) {
  ScriptedBackend a(always(ok("a")));
  BlackHole hole;
  const std::string checks = kQuiet + "health = { interval = \"100ms\", timeout = \"20s\" }\n";
  ConfigFile file(checks + tables_of({&a}) + table_of(hole.url()));
  Balancer balancer(file.flags());
  hole.swallow();
  // Long enough for a round to begin; should it not have begun, the test is easier, never wrong.
  static_cast<void>(balancer.wait_exit(within(Duration(300))));
  const auto begun = now();
  reload(balancer, file, checks + tables_of({&a}));
  EXPECT_LT(now() - begun, std::chrono::seconds(5));
  EXPECT_EQ(letters(balancer, 4), "aaaa");
}

// Goal: a reload during the first round of checks is heard, before or after the port opens. Method: a backend holds the
// first check's request back, which also shows that signals are handled by now.
TEST(Reload, during_the_first_round_of_checks) {
  Gate gate;
  ScriptedBackend a([&gate](Connection& connection) {
    while (connection.read_request() && gate.wait()) connection.send(ok("a"));
  });
  ScriptedBackend b(always(ok("b")));
  const std::string checks = kQuiet + "[health]\ncheck = \"http\"\n";
  ConfigFile file(checks + tables_of({&a}));
  Process process(file.flags({"-port", "0"}));
  ASSERT_TRUE(a.wait_for_requests(1));
  file.write(checks + tables_of({&b}));
  process.signal(SIGHUP);
  ASSERT_TRUE(process.wait_for_log("reading the configuration again"));
  gate.open();
  ASSERT_TRUE(process.wait_for_log(kInForce)) << process.err();
  const auto line = process.wait_for_log("listening on [::]:");
  ASSERT_TRUE(line);
  Client client(static_cast<std::uint16_t>(std::stoi(line->substr(line->find("]:") + 2))));
  EXPECT_EQ(letters(client, 2), "bb");
}

// Goal: the line about a reload counts right. Method: during the first round, whose backends were not checked yet, the
// file is read again without a change. Found: the backend counted as new and as removed.
TEST(Reload, during_the_first_round_known_backends_are_not_new) {
  Gate gate;
  ScriptedBackend a([&gate](Connection& connection) {
    while (connection.read_request() && gate.wait()) connection.send(ok("a"));
  });
  ConfigFile file(kQuiet + "[health]\ncheck = \"http\"\n" + tables_of({&a}));
  Process process(file.flags({"-port", "0"}));
  ASSERT_TRUE(a.wait_for_requests(1));
  process.signal(SIGHUP);
  ASSERT_TRUE(process.wait_for_log("reading the configuration again"));
  gate.open();
  const auto line = process.wait_for_log(kInForce);
  ASSERT_TRUE(line) << process.err();
  EXPECT_TRUE(line->ends_with("1 backend, 0 of them new, 0 removed")) << *line;
}

}  // namespace
}  // namespace lb::e2e
