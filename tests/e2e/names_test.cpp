// Backends by their names: lookups that do not wait for each other, names that move, and several addresses of a name.
#include <algorithm>
#include <poll.h>
#include <string>

#include <gtest/gtest.h>

#include "support/balancer.hpp"
#include "support/config_file.hpp"
#include "support/load.hpp"
#include "support/name_server.hpp"
#include "support/replica.hpp"

namespace lb::e2e {
namespace {

using namespace lb::support;  // NOLINT(google-build-using-namespace): the vocabulary of these tests

std::string backend_at(const std::string& host, std::uint16_t port) {
  return table_of("http://" + host + ":" + std::to_string(port));
}

std::ptrdiff_t count(const std::string& text, char letter) {
  return std::ranges::count(text, letter);
}

template <class Condition>
bool wait_until(Condition condition) {
  const Deadline deadline = within();
  while (!condition() && now() < deadline) ::poll(nullptr, 0, 5);
  return condition();
}

// Goal: names whose server is silent hold up no other name. Method: four such names, then one that is answered, then
// localhost, which stands in the hosts file. Found: the four took all threads of the resolver, and the good backends
// got nothing for more than 12 s.
TEST(Names, whose_server_is_silent_hold_up_no_others) {
  NameServer names;
  std::string toml = names.toml();
  for (const std::string name : {"one.test", "two.test", "three.test", "four.test"}) {
    names.set(name, {.says = NameServer::Says::nothing});
    toml += backend_at(name, 81);
  }
  names.set("good.test", {.v4 = {"127.0.0.1"}});
  ScriptedBackend good(always(ok("good")));
  ScriptedBackend local(always(ok("local")));
  const auto begun = now();
  Balancer balancer({.toml = toml + backend_at("good.test", good.port()) + backend_at("localhost", local.port())});
  std::string answers;
  for (int i = 0; i < 4; ++i) answers += ask_once(balancer, get()).body + " ";
  EXPECT_LT(now() - begun, Duration(6'000));
  EXPECT_NE(answers.find("good"), std::string::npos) << balancer.log();
  EXPECT_NE(answers.find("local"), std::string::npos) << balancer.log();
  EXPECT_NE(balancer.log().find("http://good.test:" + std::to_string(good.port()) + " [up]"), std::string::npos);
  EXPECT_NE(balancer.log().find("http://localhost:" + std::to_string(local.port()) + " [up]"), std::string::npos);
}

// Goal: the end of the process waits for no lookup. Method: SIGTERM while a name is being looked up.
TEST(Names, that_are_being_looked_up_do_not_hold_up_the_end) {
  NameServer names;
  names.set("silent.test", {.says = NameServer::Says::nothing});
  ScriptedBackend good(always(ok("good")));
  Balancer balancer({.backends = {&good}, .toml = names.toml("timeout = \"20s\"\n") + backend_at("silent.test", 81)});
  const auto begun = now();
  balancer.signal(SIGTERM);
  EXPECT_EQ(balancer.wait_exit(), 0);
  EXPECT_LT(now() - begun, Duration(5'000));
}

// Goal: a name that moves is followed when its TTL is over, while traffic is steady; nothing is lost, and no connection
// to the former address is kept. Found: pooled connections kept a name where it had been, for as long as there was
// traffic.
TEST(Names, that_move_are_followed_under_steady_traffic) {
  const auto replicas = make_replicas(2);
  NameServer names;
  names.set("web.test", {.v4 = {"127.0.0.1"}, .ttl = 1});
  Balancer balancer(
      {.toml = names.toml("[pool]\nidle_timeout = \"60s\"\n") + backend_at("web.test", replicas[0]->port()),
       .threads = 2});
  Load load(balancer.port(), {.kept = 3});
  ASSERT_TRUE(load.wait_for_answers(50));
  EXPECT_EQ(replicas[1]->requests(), 0U);
  names.set("web.test", {.v4 = {"127.0.0.2"}, .ttl = 1});
  EXPECT_TRUE(wait_until([&] { return replicas[1]->requests() > 20; })) << balancer.log();
  EXPECT_TRUE(wait_until([&] { return replicas[0]->open_connections() == 0; }));
  const std::size_t before = replicas[0]->requests();
  ASSERT_TRUE(load.wait_for_answers(load.answers() + 50));
  EXPECT_EQ(replicas[0]->requests(), before);
  load.stop();
  EXPECT_EQ(load.failures(), 0U) << load.first_failure();
}

// Goal: an exchange under way on an address that is gone ends by itself, and its connection is not kept. Method: an
// answer is held back until other requests go to the new address.
TEST(Names, that_move_let_exchanges_end_and_keep_none_of_their_connections) {
  Gate answered;
  Gate closed;
  ScriptedBackend former([&](ScriptedBackend::Connection& connection) {
    while (connection.read_request()) {
      if (connection.number() == 1 && !answered.wait()) return;
      if (!connection.send(ok("a"))) return;
    }
    if (connection.number() == 1) closed.open();
  });
  const Replica newer(2, former.port(), 'b');
  if (!newer.listening()) GTEST_SKIP() << "the port is taken on 127.0.0.2";
  NameServer names;
  names.set("web.test", {.v4 = {"127.0.0.1"}, .ttl = 1});
  Balancer balancer(
      {.toml = names.toml("[pool]\nidle_timeout = \"60s\"\n") + backend_at("web.test", former.port()), .threads = 1});
  Client client(balancer);
  ASSERT_TRUE(client.send(get()));
  ASSERT_TRUE(former.wait_for_requests(1));
  names.set("web.test", {.v4 = {"127.0.0.2"}, .ttl = 1});
  ASSERT_TRUE(wait_until([&] { return letters(balancer, 1) == "b"; })) << balancer.log();
  answered.open();
  EXPECT_EQ(client.read_response().body, "a");
  EXPECT_TRUE(closed.wait(within(Duration(10'000)))) << "the connection was kept";
  EXPECT_EQ(client.ask(get()).body, "b");
}

// Goal: the addresses of a name share in the traffic one after the other, on one kept connection and on many, over all
// workers. Found: 90, 0, 0, for the connection that had idled last was taken, whatever its address.
TEST(Names, of_several_addresses_take_turns) {
  const auto replicas = make_replicas(3);
  NameServer names;
  names.set("web.test", {.v4 = {"127.0.0.3", "127.0.0.1", "127.0.0.2"}});
  Balancer balancer({.toml = names.toml() + backend_at("web.test", replicas[0]->port()), .threads = 2});
  EXPECT_EQ(letters(balancer, 6).substr(3), letters(balancer, 3)) << "in one order, again and again";
  for (const auto& replica : replicas) EXPECT_EQ(replica->requests(), 3U) << replica->address();
  for (int i = 0; i < 81; ++i) EXPECT_EQ(ask_once(balancer, get()).status(), 200);
  for (const auto& replica : replicas) EXPECT_EQ(replica->requests(), 30U) << replica->address();
  EXPECT_LE(replicas[0]->open_connections(), 2U) << "one for each worker is enough";
}

// Goal: a replica that hangs is out after three failures, the others carry on and the backend stays up; the check,
// which it passes, brings it back. Method: GET is tried again, so that clients notice nothing but the wait.
TEST(Names, of_which_one_address_hangs_go_on_with_the_others) {
  const auto replicas = make_replicas(3);
  NameServer names;
  names.set("web.test", {.v4 = {"127.0.0.1", "127.0.0.2", "127.0.0.3"}});
  const std::string url = "http://web.test:" + std::to_string(replicas[0]->port());
  Balancer balancer({.toml = names.toml("[server.timeouts]\nfirst_response_byte = \"150ms\"\n[health]\ninterval = "
                                        "\"8s\"\njitter_percent = 0\n") +
                             table_of(url)});
  replicas[1]->hang(true);
  const std::string answers = letters(balancer, 20);
  EXPECT_EQ(count(answers, 'a') + count(answers, 'c'), 20) << answers;
  EXPECT_EQ(replicas[1]->requests(), 3U) << balancer.log();
  EXPECT_NE(balancer.log().find("127.0.0.2:" + std::to_string(replicas[1]->port()) + ", an address of " + url +
                                ", gets no requests while others can"),
            std::string::npos)
      << balancer.log();
  EXPECT_EQ(balancer.log().find(url + " [down]"), std::string::npos);
  replicas[1]->hang(false);
  EXPECT_TRUE(balancer.wait_for_log("gets requests again"));
  EXPECT_NE(letters(balancer, 3).find('b'), std::string::npos);
}

// Goal: the backend as a whole is down when all of its addresses are, and up again with the first of them.
TEST(Names, are_down_when_all_of_their_addresses_are) {
  const auto replicas = make_replicas(2);
  NameServer names;
  names.set("web.test", {.v4 = {"127.0.0.1", "127.0.0.2"}});
  const std::string url = "http://web.test:" + std::to_string(replicas[0]->port());
  Balancer balancer({.toml = names.toml("[server.timeouts]\nfirst_response_byte = \"100ms\"\n[retry]\nattempts = 1\n") +
                             table_of(url)});
  for (const auto& replica : replicas) replica->hang(true);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(ask_once(balancer, get()).status(), 504);
  EXPECT_EQ(balancer.log().find(url + " [down]"), std::string::npos) << "one of them had failed but twice";
  EXPECT_EQ(ask_once(balancer, get()).status(), 504);
  EXPECT_TRUE(balancer.wait_for_log(url + " [down] (3 retries failed)")) << balancer.log();
  replicas[0]->hang(false);
  EXPECT_EQ(letters(balancer, 3).find_first_not_of("a!"), std::string::npos);
  EXPECT_TRUE(balancer.wait_for_log(url + " [up]", balancer.log().find("[down]"))) << balancer.log();
}

// Goal: an address that refuses connections costs its neighbours' requests nothing, and is found out by the checks of
// each address. Method: three addresses, nobody listens at the second.
TEST(Names, of_which_one_address_refuses_are_checked_at_each) {
  const auto replicas = make_replicas(1);
  NameServer names;
  names.set("web.test", {.v4 = {"127.0.0.1", "127.0.0.9"}});
  const std::string url = "http://web.test:" + std::to_string(replicas[0]->port());
  Balancer balancer({.toml = names.toml() + table_of(url)});
  EXPECT_NE(balancer.log().find("127.0.0.9:" + std::to_string(replicas[0]->port()) + ", an address of " + url),
            std::string::npos)
      << balancer.log();
  EXPECT_NE(balancer.log().find(url + " [up]"), std::string::npos);
  EXPECT_EQ(letters(balancer, 6), "aaaaaa");
}

// Goal: the last good answer is kept while a server fails, whichever way; and the name is followed when it is well
// again. Method: a TTL of a second, then SERVFAIL, no such name, silence, each long enough to be noticed.
TEST(Names, keep_their_addresses_while_the_server_fails) {
  const auto replicas = make_replicas(2);
  NameServer names;
  names.set("web.test", {.v4 = {"127.0.0.1"}, .ttl = 1});
  Balancer balancer(
      {.toml = names.toml("timeout = \"100ms\"\n") + backend_at("web.test", replicas[0]->port()), .threads = 1});
  for (const auto says : {NameServer::Says::failure, NameServer::Says::no_such_name, NameServer::Says::nothing}) {
    names.set("web.test", {.v4 = {"127.0.0.1"}, .ttl = 1, .says = says});
    ASSERT_TRUE(names.wait_for_questions("web.test", names.questions("web.test") + 2)) << "it is asked again";
    EXPECT_EQ(letters(balancer, 3), "aaa");
  }
  EXPECT_TRUE(balancer.wait_for_log("looking up web.test failed"));
  EXPECT_EQ(balancer.log().find("[down]"), std::string::npos);
  names.set("web.test", {.v4 = {"127.0.0.2"}, .ttl = 1});
  EXPECT_TRUE(wait_until([&] { return letters(balancer, 1) == "b"; }));
  EXPECT_NE(balancer.log().find("web.test is found again"), std::string::npos);
}

// Goal: other name servers take effect by a reload. Method: the first ones know no such name.
TEST(Names, are_asked_of_the_servers_that_a_reload_names) {
  const auto replicas = make_replicas(1);
  NameServer before;
  NameServer after;
  after.set("web.test", {.v4 = {"127.0.0.1"}});
  const std::string url = "http://web.test:" + std::to_string(replicas[0]->port());
  ConfigFile file(before.toml() + table_of(url));
  const Balancer balancer(file.flags());
  EXPECT_EQ(ask_once(balancer, get()).status(), 502);
  reload(balancer, file, after.toml() + table_of(url));
  EXPECT_TRUE(balancer.wait_for_log(url + " [up]")) << balancer.log();
  EXPECT_EQ(letters(balancer, 1), "a");
}

// Goal: a backend whose name appears after the start comes up by itself, without a round of checks.
TEST(Names, that_appear_later_come_up) {
  const auto replicas = make_replicas(1);
  NameServer names;
  const std::string url = "http://late.test:" + std::to_string(replicas[0]->port());
  Balancer balancer({.toml = names.toml() + table_of(url)});
  EXPECT_EQ(ask_once(balancer, get()).status(), 502);
  names.set("late.test", {.v4 = {"127.0.0.1"}});
  EXPECT_TRUE(balancer.wait_for_log(url + " [up]")) << balancer.log();
  EXPECT_EQ(letters(balancer, 1), "a");
}

}  // namespace
}  // namespace lb::e2e
