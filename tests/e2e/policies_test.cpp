// [balance]: every policy with real backends; backups, slow start, hashing, and the sticky cookie through reload and
// restart.
#include <algorithm>
#include <array>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "support/admin.hpp"
#include "support/balancer.hpp"
#include "support/config_file.hpp"

namespace lb::e2e {
namespace {

using namespace lb::support;  // NOLINT(google-build-using-namespace): the vocabulary of these tests
using Connection = ScriptedBackend::Connection;

const std::string kOneWorker = "server.threads = 1\n";

std::string with_policy(const std::string& policy, const std::string& more = {}) {
  return "[balance]\npolicy = \"" + policy + "\"\n" + more;
}

std::ptrdiff_t count(const std::string& text, char letter) {
  return std::count(text.begin(), text.end(), letter);
}

// The value of the cookie that an answer sets; empty: it sets none.
std::string cookie_of(const Message& answer) {
  const std::string field = answer.head.value("Set-Cookie");
  if (!field.starts_with("lb=")) return {};
  return field.substr(3, field.find(';') - 3);
}
std::string with_cookie(const std::string& value, const std::string& more = {}) {
  return get("/", "Cookie: " + more + "lb=" + value + "\r\n");
}

// Goal: each policy serves everything, gives the heavier more, and uses nobody that is down. Method: weights 1 and 3
// with one request at a time; then one of the two stops.
TEST(Policies, each_serves_by_weight_and_without_who_is_down) {
  for (const std::string policy :
       {"round-robin", "least-requests", "random-two", "peak-ewma", "prequal", "consistent-hash"}) {
    ScriptedBackend light(always(ok("l")));
    ScriptedBackend heavy(always(ok("h")));
    const std::string hash_on = policy == "consistent-hash" ? "hash_on = \"target\"\n" : "";
    Balancer balancer(
        {.backends = {&light, &heavy}, .toml = with_policy(policy, hash_on), .weights = {1, 3}, .admin = true});
    Client client(balancer);
    std::string seen;
    for (int i = 0; i < 300; ++i) seen += client.ask(get("/" + std::to_string(i))).body;
    EXPECT_GT(count(seen, 'h'), 170) << policy << ' ' << seen;
    EXPECT_GT(count(seen, 'l'), 0) << policy << ' ' << seen;
    EXPECT_EQ(seen.size(), 300U) << policy;
    heavy.stop();
    seen.clear();
    for (int i = 0; i < 50; ++i) seen += client.ask(get("/" + std::to_string(i))).body;
    EXPECT_EQ(seen, std::string(50, 'l')) << policy;
  }
}

// Goal: a backup serves only while nobody else is up. Method: the others stop, and come back.
TEST(Policies, backups_serve_when_nobody_else_is_up) {
  ScriptedBackend a(always(ok("a")));
  ScriptedBackend b(always(ok("b")));
  ScriptedBackend spare(always(ok("s")));
  for (const std::string policy : {"round-robin", "peak-ewma"}) {
    ConfigFile file(kOneWorker + "[health]\ninterval = \"200ms\"\nfailures = 1\n" + with_policy(policy) +
                    tables_of({&a, &b}) + table_of(spare.url(), "backup = true\n"));
    Balancer balancer(file.flags());
    const std::size_t before = spare.request_count();
    EXPECT_EQ(letters(balancer, 40).find('s'), std::string::npos) << policy;
    EXPECT_EQ(spare.request_count(), before);
    a.stop();
    EXPECT_EQ(letters(balancer, 10), std::string(10, 'b')) << policy;
    b.stop();
    EXPECT_EQ(letters(balancer, 10), std::string(10, 's')) << policy;
    const std::size_t from = balancer.log().size();
    a.start();
    b.start();
    EXPECT_TRUE(balancer.wait_for_log(a.url() + " [up]", from));
    EXPECT_TRUE(balancer.wait_for_log(b.url() + " [up]", from));
    EXPECT_EQ(letters(balancer, 20).find('s'), std::string::npos) << policy;
  }
}

TEST(Policies, nothing_but_backups_is_a_warning) {
  ScriptedBackend spare(always(ok("s")));
  ConfigFile file(kOneWorker + table_of(spare.url(), "backup = true\n"));
  Balancer balancer(file.flags());
  EXPECT_EQ(letters(balancer, 3), "sss");
  EXPECT_TRUE(balancer.wait_for_log("all backends are backups"));
}

// Goal: the same key goes to the same backend, for each kind of key and in two instances; without it the client's
// address decides. Method: twenty keys, twice, on two balancers.
TEST(Policies, hashing_is_the_same_everywhere_for_each_kind_of_key) {
  std::array<std::unique_ptr<ScriptedBackend>, 5> backends;
  std::vector<const ScriptedBackend*> all;
  for (std::size_t i = 0; i < backends.size(); ++i) {
    backends[i] = std::make_unique<ScriptedBackend>(always(ok(std::string(1, static_cast<char>('a' + i)))));
    all.push_back(backends[i].get());
  }
  struct Kind {
    std::string hash_on;
    std::string (*ask)(const std::string& key);
  };
  const auto plain = [](const std::string& key) { return get("/" + key); };
  for (const Kind& kind : std::vector<Kind>{
           {"path", [](const std::string& key) { return get("/" + key + "?x=" + key.substr(0, 1)); }},
           {"target", plain},
           {"host", [](const std::string& key) { return "GET / HTTP/1.1\r\nHost: " + key + ".Example.org\r\n\r\n"; }},
           {"header:X-User", [](const std::string& key) { return get("/", "x-user: " + key + "\r\n"); }},
           {"cookie:u", [](const std::string& key) { return get("/", "Cookie: a=1; u=" + key + "\r\n"); }},
           {"query:q", [](const std::string& key) { return get("/?a=b&q=" + key); }}}) {
    const std::string toml = with_policy("consistent-hash", "hash_on = \"" + kind.hash_on + "\"\n");
    Balancer one({.backends = all, .toml = toml});
    Balancer other({.backends = all, .toml = toml, .threads = 3});
    Client client(one);
    std::set<std::string> used;
    for (int i = 0; i < 20; ++i) {
      const std::string text = kind.ask("key" + std::to_string(i));
      const std::string who = client.ask(text).body;
      used.insert(who);
      EXPECT_EQ(client.ask(text).body, who) << kind.hash_on;
      EXPECT_EQ(ask_once(other, text).body, who) << kind.hash_on;
    }
    EXPECT_GE(used.size(), 3U) << kind.hash_on;
    if (kind.hash_on.find(':') == std::string::npos) continue;
    std::set<std::string> without;
    for (int i = 0; i < 10; ++i) without.insert(client.ask(get("/" + std::to_string(i))).body);
    EXPECT_EQ(without.size(), 1U) << kind.hash_on;
  }
}

class StickyCookie : public testing::Test {
 protected:
  ScriptedBackend a_{always(ok("a"))};
  ScriptedBackend b_{always(ok("b"))};
  ScriptedBackend c_{always(ok("c"))};
  const std::string keys_ = "[balance]\nsticky_cookie = \"lb\"\nsticky_secret = \"s3cret\"\n";
  ConfigFile file_{kOneWorker + keys_ + tables_of({&a_, &b_, &c_})};
};

// Goal: one cookie, once, and its client stays; the backend does not see it; a made-up one is none.
TEST_F(StickyCookie, a_client_stays_with_its_backend) {
  Balancer balancer(file_.flags());
  Client client(balancer);
  const Message first = client.ask(get());
  const std::string cookie = cookie_of(first);
  ASSERT_FALSE(cookie.empty());
  const std::string field = first.head.value("Set-Cookie");
  EXPECT_NE(field.find("; Path=/; HttpOnly; SameSite=Lax"), std::string::npos) << field;
  EXPECT_EQ(field.find("Secure"), std::string::npos) << "the client uses http";
  EXPECT_EQ(field.find("127.0.0.1"), std::string::npos);
  for (int i = 0; i < 10; ++i) {
    const Message next = client.ask(with_cookie(cookie, "x=1; "));
    EXPECT_EQ(next.body, first.body);
    EXPECT_TRUE(cookie_of(next).empty()) << "it has it already";
  }
  const ScriptedBackend& own = first.body == "a" ? a_ : first.body == "b" ? b_ : c_;
  EXPECT_EQ(own.requests().back().message.head.value("Cookie"), "x=1");
  static_cast<void>(client.ask(with_cookie(cookie)));
  EXPECT_EQ(own.requests().back().message.head.value("Cookie"), "<none>") << "nothing was left of it";
  const Message forged = client.ask(with_cookie("AAAAAAAAAAAAAAAAAAAAAA"));
  EXPECT_FALSE(cookie_of(forged).empty());
}

// Goal: reload, restart and another instance with the same secret change nothing.
TEST_F(StickyCookie, survives_reload_and_restart) {
  std::string cookie;
  std::string who;
  {
    Balancer balancer(file_.flags());
    const Message first = ask_once(balancer, get());
    cookie = cookie_of(first);
    who = first.body;
    reload(balancer, file_, kOneWorker + keys_ + tables_of({&c_, &a_, &b_}));
    for (int i = 0; i < 5; ++i) EXPECT_EQ(ask_once(balancer, with_cookie(cookie)).body, who);
  }
  Balancer again(file_.flags());
  for (int i = 0; i < 5; ++i) EXPECT_EQ(ask_once(again, with_cookie(cookie)).body, who);
}

TEST_F(StickyCookie, without_a_secret_it_lives_as_long_as_the_process) {
  file_.write(kOneWorker + "[balance]\nsticky_cookie = \"lb\"\n" + tables_of({&a_, &b_}));
  Balancer one(file_.flags());
  Balancer other(file_.flags());
  const Message first = ask_once(one, get());
  EXPECT_EQ(ask_once(one, with_cookie(cookie_of(first))).body, first.body);
  EXPECT_FALSE(cookie_of(ask_once(other, with_cookie(cookie_of(first)))).empty()) << "it is no cookie of that one's";
}

// Goal: a backend that drains keeps its clients and gets no new ones; one that is down gives them away.
TEST_F(StickyCookie, draining_and_dying) {
  Balancer balancer(file_.flags(), Balancer::Admin::on);
  const Message first = ask_once(balancer, get());
  ASSERT_EQ(first.body, "a");
  const Message drained = admin_post(balancer, "/backends/drain", by_url(a_.url()));
  ASSERT_EQ(drained.status(), 200) << drained.body;
  for (int i = 0; i < 6; ++i) {
    EXPECT_EQ(ask_once(balancer, with_cookie(cookie_of(first))).body, "a");
    EXPECT_NE(ask_once(balancer, get()).body, "a");
  }
  a_.stop();
  const Message moved = ask_once(balancer, with_cookie(cookie_of(first)));
  EXPECT_EQ(moved.status(), 200);
  EXPECT_NE(moved.body, "a");
  for (int i = 0; i < 5; ++i) {
    static_cast<void>(ask_once(balancer, with_cookie(cookie_of(first))));
  }
  const Message later = ask_once(balancer, with_cookie(cookie_of(first)));
  ASSERT_FALSE(cookie_of(later).empty()) << "its backend is down: it belongs to another from now on";
  EXPECT_EQ(ask_once(balancer, with_cookie(cookie_of(later))).body, later.body);
}

// Goal: one that comes back gets little at first. Method: with a slow start of a minute the first requests after it is
// up again go elsewhere, nearly all of them.
TEST(SlowStart, who_comes_back_gets_little_at_first) {
  ScriptedBackend a(always(ok("a")));
  ScriptedBackend b(always(ok("b")));
  ConfigFile file(kOneWorker + "[health]\ninterval = \"200ms\"\nfailures = 1\n[balance]\nslow_start = \"1m\"\n" +
                  tables_of({&a, &b}));
  Balancer balancer(file.flags());
  const std::string at_start = letters(balancer, 20);
  EXPECT_EQ(count(at_start, 'a'), 10) << "nobody starts slowly when all start";
  a.stop();
  static_cast<void>(letters(balancer, 4));
  const std::size_t from = balancer.log().size();
  a.start();
  ASSERT_TRUE(balancer.wait_for_log(a.url() + " [up]", from));
  const std::string seen = letters(balancer, 200);
  EXPECT_LT(count(seen, 'a'), 40) << seen;
  EXPECT_GT(count(seen, 'a'), 0) << seen;
}

TEST(SlowStart, who_is_new_gets_little_at_first) {
  ScriptedBackend a(always(ok("a")));
  ScriptedBackend b(always(ok("b")));
  const std::string keys = kOneWorker + "[balance]\nslow_start = \"1m\"\n";
  ConfigFile file(keys + tables_of({&a}));
  Balancer balancer(file.flags());
  reload(balancer, file, keys + tables_of({&a, &b}));
  const std::string seen = letters(balancer, 200);
  EXPECT_LT(count(seen, 'b'), 40) << seen;
  EXPECT_GT(count(seen, 'b'), 0) << seen;
}

}  // namespace
}  // namespace lb::e2e
