// balance.stall: a backend that accepts and never answers is noticed while requests wait at it.
#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "support/balancer.hpp"

namespace lb::e2e {
namespace {

using namespace lb::support;  // NOLINT(google-build-using-namespace): the vocabulary of these tests
using namespace std::chrono_literals;
using Connection = ScriptedBackend::Connection;

// Takes requests and answers none before it is opened.
class HangingBackend {
 public:
  [[nodiscard]] ScriptedBackend& scripted() noexcept { return backend_; }
  [[nodiscard]] std::size_t requests() const { return backend_.request_count(); }
  void open() { gate_.open(); }

 private:
  void serve(Connection& connection) {
    while (connection.read_request()) {
      gate_.wait(within(20s));
      if (!connection.send(ok("late"))) return;
    }
  }

  Gate gate_;
  ScriptedBackend backend_{[this](Connection& connection) { serve(connection); }};
};

// Clients that ask one after the other, each on a connection of its own, until there were so many answers.
class Crowd {
 public:
  struct Seen {
    std::atomic<int> good{0};
    std::atomic<int> other{0};
    std::atomic<std::int64_t> longest_ms{0};
  };

  static void ask(const Balancer& balancer, int clients, int requests, const std::string& text, Seen& seen) {
    std::vector<std::thread> threads;
    threads.reserve(static_cast<std::size_t>(clients));
    for (int i = 0; i < clients; ++i) {
      threads.emplace_back([&] {
        Client client(balancer);
        for (int n = 0; n < requests; ++n) {
          const auto began = std::chrono::steady_clock::now();
          const bool good = client.ask(text).status() == 200;
          ++(good ? seen.good : seen.other);
          const auto took =
              std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - began);
          std::int64_t longest = seen.longest_ms;
          while (took.count() > longest && !seen.longest_ms.compare_exchange_weak(longest, took.count())) {
          }
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
  }
};

// Goal: who hangs costs each client a moment, not a minute, and gets no more; when it answers again it is back. Method:
// six clients on three backends, one of which hangs; attempts = 1, for leaving it uses none up.
TEST(Stall, what_waits_goes_elsewhere_and_who_answers_again_comes_back) {
  HangingBackend hung;
  ScriptedBackend a(always(ok("a")));
  ScriptedBackend b(always(ok("b")));
  Balancer balancer(
      {.backends = {&hung.scripted(), &a, &b}, .toml = "[balance]\nstall = \"300ms\"\n[retry]\nattempts = 1\n"});
  Crowd::Seen seen;
  Crowd::ask(balancer, 6, 40, get(), seen);
  EXPECT_EQ(seen.good, 240);
  EXPECT_LT(seen.longest_ms, 3000);
  EXPECT_TRUE(balancer.wait_for_log("[stalled] (it owes every answer"));
  EXPECT_LE(hung.requests(), 12U) << "those that were there already, and now and then one to try";
  hung.open();
  const auto end = std::chrono::steady_clock::now() + 10s;
  while (balancer.log().find("answers again") == std::string::npos && std::chrono::steady_clock::now() < end) {
    Crowd::ask(balancer, 1, 10, get(), seen);
    std::this_thread::sleep_for(20ms);
  }
  EXPECT_TRUE(balancer.wait_for_log("answers again"));
  const std::size_t before = hung.requests();
  Crowd::ask(balancer, 1, 30, get(), seen);
  EXPECT_GE(hung.requests(), before + 10);
  EXPECT_EQ(seen.other, 0);
}

// Goal: what cannot be repeated stays where it is. Method: a POST waits at the one that hangs, while GETs show that it
// does; when it answers, that is the POST's answer.
TEST(Stall, what_cannot_be_repeated_waits) {
  HangingBackend hung;
  ScriptedBackend a(always(ok("a")));
  Balancer balancer({.backends = {&hung.scripted(), &a}, .toml = "[balance]\nstall = \"200ms\"\n"});
  Client poster(balancer);
  ASSERT_TRUE(poster.send(request("POST", "x")));
  ASSERT_TRUE(hung.scripted().wait_for_requests(1));
  Crowd::Seen seen;
  Crowd::ask(balancer, 4, 20, get(), seen);
  EXPECT_EQ(seen.good, 80);
  EXPECT_TRUE(balancer.wait_for_log("[stalled]"));
  hung.open();
  EXPECT_EQ(poster.read_response().body, "late");
}

// Goal: slow is not stalled. Method: both take three times as long as `stall`.
TEST(Stall, all_slow_alike_is_no_stall) {
  const auto slow = [](Connection& connection) {
    while (connection.read_request()) {
      if (connection.wait_ended(within(450ms))) return;
      connection.send(ok("slow"));
    }
  };
  ScriptedBackend a(slow);
  ScriptedBackend b(slow);
  Balancer balancer({.backends = {&a, &b}, .toml = "[balance]\nstall = \"150ms\"\n"});
  Crowd::Seen seen;
  Crowd::ask(balancer, 6, 4, get(), seen);
  EXPECT_EQ(seen.good, 24);
  EXPECT_EQ(a.request_count() + b.request_count(), 24U) << "nothing was repeated";
  EXPECT_EQ(balancer.log().find("stalled"), std::string::npos) << balancer.log();
}

// Goal: nor is a long poll among quick answers, also when there is little else. Method: /poll is held back at its
// backend; meanwhile a single client asks both for other things, some of it after pauses.
TEST(Stall, one_long_poll_is_no_stall) {
  Gate gate;
  const auto serve = [&gate](Connection& connection) {
    while (const auto asked = connection.read_request()) {
      if (asked->head.start_line.find("/poll") != std::string::npos) gate.wait(within(20s));
      connection.send(ok("a"));
    }
  };
  ScriptedBackend a(serve);
  ScriptedBackend b(serve);
  Balancer balancer({.backends = {&a, &b}, .toml = "[balance]\nstall = \"200ms\"\n"});
  Client poller(balancer);
  ASSERT_TRUE(poller.send(get("/poll")));
  ASSERT_TRUE(a.wait_for_requests(1));
  Crowd::Seen seen;
  for (int i = 0; i < 4; ++i) {
    Crowd::ask(balancer, 1, 1 + i, get(), seen);
    std::this_thread::sleep_for(250ms);  // longer than `stall`: nothing has answered there since
  }
  gate.open();
  EXPECT_EQ(poller.read_response().status(), 200);
  EXPECT_EQ(a.request_count() + b.request_count(), 11U) << "nothing was repeated";
  EXPECT_EQ(balancer.log().find("stalled"), std::string::npos) << balancer.log();
}

// Goal: the clock of the wait for an answer is none of its body's. Method: a backend answers while the request's body
// still flows, sends a part, and pauses for longer than a look takes once the request has ended.
TEST(Stall, an_answer_that_began_before_its_request_ended_may_pause) {
  ScriptedBackend a([](Connection& connection) {
    while (connection.read_request_head()) {
      connection.send("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabc");
      static_cast<void>(connection.read_request_body());
      if (connection.wait_ended(within(700ms))) return;
      connection.send("def");
    }
  });
  ScriptedBackend b(always(ok("b")));
  Balancer balancer({.backends = {&a, &b}});
  Client client(balancer);
  ASSERT_TRUE(client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nxy"));
  ASSERT_TRUE(a.wait_for_requests(1));
  const auto head = client.read_head();
  ASSERT_TRUE(head);
  ASSERT_TRUE(client.send("zz"));
  Message answer;
  answer.head = *head;
  client.read_body(answer, Kind::response);
  EXPECT_EQ(answer.body, "abcdef");
  EXPECT_EQ(balancer.log().find("broke off"), std::string::npos) << balancer.log();
}

// Goal: off is off.
TEST(Stall, off) {
  HangingBackend hung;
  ScriptedBackend a(always(ok("a")));
  Balancer balancer({.backends = {&hung.scripted(), &a},
                     .toml = "[balance]\nstall = \"0s\"\n[server.timeouts]\nfirst_response_byte = \"500ms\"\n"});
  Crowd::Seen seen;
  Crowd::ask(balancer, 4, 10, get(), seen);
  hung.open();
  EXPECT_EQ(seen.good, 40) << "by the timeout, and another attempt";
  EXPECT_EQ(balancer.log().find("stalled"), std::string::npos) << balancer.log();
}

}  // namespace
}  // namespace lb::e2e
