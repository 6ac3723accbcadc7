// backends.connections_max: how many requests a backend gets at once, who waits, and who is told 503.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "support/balancer.hpp"
#include "support/config_file.hpp"

namespace lb::e2e {
namespace {

using namespace lb::support;  // NOLINT(google-build-using-namespace): the vocabulary of these tests
using Connection = ScriptedBackend::Connection;

const std::string kOneWorker = "server.threads = 1\n";

// Counts the requests that it is at. Each is answered when the gate is open, not before `pause` has passed.
class CountingBackend {
 public:
  explicit CountingBackend(std::string body, Duration pause = Duration(0)) : body_(std::move(body)), pause_(pause) {}

  [[nodiscard]] std::string url() const { return backend_.url(); }
  [[nodiscard]] ScriptedBackend& scripted() noexcept { return backend_; }
  [[nodiscard]] unsigned most_at_once() const noexcept { return most_; }
  void open() { gate_.open(); }

 private:
  void serve(Connection& connection) {
    while (connection.read_request()) {
      const unsigned at_once = ++at_once_;
      unsigned most = most_;
      while (at_once > most && !most_.compare_exchange_weak(most, at_once)) {
      }
      gate_.wait();
      const bool left = pause_ > Duration(0) && connection.wait_ended(within(pause_));
      --at_once_;
      if (left) return;
      connection.send(ok(body_));
    }
  }

  std::string body_;
  Duration pause_;
  Gate gate_;
  std::atomic<unsigned> at_once_{0};
  std::atomic<unsigned> most_{0};
  ScriptedBackend backend_{[this](Connection& connection) { serve(connection); }};
};

// A client that has sent a request, which is at a backend or waits for one.
class Asking : public Client {
 public:
  explicit Asking(const Balancer& balancer, std::string_view text = get()) : Client(balancer) { send(text); }
};

void expect_turned_away(const Message& answer) {
  EXPECT_EQ(answer.status(), 503);
  EXPECT_TRUE(answer.head.has("Retry-After"));
  EXPECT_NE(answer.head.value("Proxy-Status").find("error=connection_limit_reached"), std::string::npos)
      << answer.head.text;
}

// Nothing shows from outside that a request waits; that the balancer has read it does not show either. It answers
// another request behind it on the same worker only later, so one that it refuses by itself tells.
void wait_until_read(const Balancer& balancer) {
  EXPECT_EQ(ask_once(balancer, "TRACE / HTTP/1.1\r\nHost: h\r\nMax-Forwards: 0\r\n\r\n").status(), 405);
}

// Goal: never more at once than the limit, with one worker and with several, and every request is answered. Method: 16
// clients with five requests each; the backend counts.
TEST(BackendLimit, is_never_exceeded_and_everybody_is_answered) {
  for (const std::string threads : {"1", "4"}) {
    SCOPED_TRACE(threads);
    CountingBackend backend("x", Duration(5));
    backend.open();
    ConfigFile file(table_of(backend.url(), "connections_max = 3\n"));
    Balancer balancer(file.flags({"-threads", threads}));
    std::atomic<int> answered{0};
    std::vector<std::thread> clients;
    for (int i = 0; i < 16; ++i) {
      clients.emplace_back([&] {
        Client client(balancer);
        for (int k = 0; k < 5; ++k) answered += client.ask(get()).status() == 200 ? 1 : 0;
      });
    }
    for (std::thread& client : clients) client.join();
    EXPECT_EQ(answered, 80);
    EXPECT_EQ(backend.most_at_once(), 3U);
  }
}

// Goal: first come, first served. Method: requests that wait one after the other; the order in which the backend, which
// takes one at a time, gets them.
TEST(BackendLimit, who_waits_is_served_in_order) {
  CountingBackend backend("x", Duration(5));
  ConfigFile file(kOneWorker + table_of(backend.url(), "connections_max = 1\n"));
  Balancer balancer(file.flags());
  std::vector<std::unique_ptr<Asking>> clients;
  for (int i = 0; i < 8; ++i) {
    clients.push_back(std::make_unique<Asking>(balancer, get("/" + std::to_string(i))));
    ASSERT_TRUE(backend.scripted().wait_for_requests(1));
    wait_until_read(balancer);
  }
  backend.open();
  for (const auto& client : clients) EXPECT_EQ(client->read_response().status(), 200);
  std::string order;
  for (const RecordedRequest& one : backend.scripted().requests()) order += one.message.head.start_line[5];
  EXPECT_EQ(order, "01234567");
  EXPECT_EQ(backend.most_at_once(), 1U);
}

// Goal: a full queue is a 503 at once; so is any wait where nobody may wait. Method: one place, one that waits, one
// too many.
TEST(BackendLimit, a_full_queue_is_503_at_once) {
  for (const int queue : {0, 1}) {
    CountingBackend backend("x");
    ConfigFile file(kOneWorker + "server.timeouts.queue = \"1m\"\n[server.limits]\nqueue = " + std::to_string(queue) +
                    "\n" + table_of(backend.url(), "connections_max = 1\n"));
    Balancer balancer(file.flags());
    Asking first(balancer);
    ASSERT_TRUE(backend.scripted().wait_for_requests(1));
    std::vector<std::unique_ptr<Asking>> waiting;
    for (int i = 0; i < queue; ++i) waiting.push_back(std::make_unique<Asking>(balancer));
    wait_until_read(balancer);
    const auto begun = now();
    Client late(balancer);
    expect_turned_away(late.ask(get()));
    EXPECT_LT(now() - begun, std::chrono::seconds(5));
    backend.open();
    EXPECT_EQ(first.read_response().status(), 200);
    for (const auto& client : waiting) EXPECT_EQ(client->read_response().status(), 200);
    EXPECT_EQ(late.ask(get()).status(), 200) << "its connection goes on";
  }
}

// Goal: the wait is bounded, and ends in 503; the place in the line is free again. Method: 300 ms; then with room.
TEST(BackendLimit, waiting_too_long_is_503) {
  CountingBackend backend("x");
  ConfigFile file(kOneWorker + "server.timeouts.queue = \"300ms\"\nserver.limits.queue = 1\n" +
                  table_of(backend.url(), "connections_max = 1\n"));
  Balancer balancer(file.flags());
  Asking first(balancer);
  ASSERT_TRUE(backend.scripted().wait_for_requests(1));
  for (int i = 0; i < 2; ++i) {
    const auto begun = now();
    expect_turned_away(ask_once(balancer, get()));
    EXPECT_GE(now() - begun, Duration(290));
    EXPECT_LT(now() - begun, std::chrono::seconds(5));
  }
  backend.open();
  EXPECT_EQ(first.read_response().status(), 200);
  EXPECT_EQ(ask_once(balancer, get()).status(), 200);
  EXPECT_EQ(balancer.log().find("[down]"), std::string::npos) << "it is nobody's failure";
}

// Goal: a client that leaves while it waits gives its place in the line up, and its request is not sent. Method: a line
// of one; the next to come takes its place.
TEST(BackendLimit, a_client_that_leaves_makes_room_in_the_line) {
  CountingBackend backend("x");
  ConfigFile file(kOneWorker + "server.timeouts.queue = \"1m\"\nserver.limits.queue = 1\n" +
                  table_of(backend.url(), "connections_max = 1\n"));
  Balancer balancer(file.flags());
  Asking first(balancer);
  ASSERT_TRUE(backend.scripted().wait_for_requests(1));
  {
    Asking leaves(balancer, get("/left"));
    wait_until_read(balancer);
    leaves.reset();
  }
  // The line is full until its leaving was noticed.
  std::unique_ptr<Asking> waits;
  const Deadline deadline = within();
  do {
    waits = std::make_unique<Asking>(balancer);
  } while (!waits->quiet_for(Duration(200)) && now() < deadline);
  backend.open();
  EXPECT_EQ(first.read_response().status(), 200);
  EXPECT_EQ(waits->read_response().status(), 200);
  for (const RecordedRequest& one : backend.scripted().requests()) {
    EXPECT_EQ(one.message.head.start_line, "GET / HTTP/1.1");
  }
}

// Goal: others with room are used before anybody waits. Method: one place at one of two, the other without a limit.
TEST(BackendLimit, others_with_room_come_first) {
  CountingBackend limited("limited");
  ScriptedBackend free(always(ok("free")));
  ConfigFile file(kOneWorker + table_of(limited.url(), "connections_max = 1\n") + table_of(free.url()));
  Balancer balancer(file.flags());
  Asking first(balancer);
  ASSERT_TRUE(limited.scripted().wait_for_requests(1));
  EXPECT_EQ(letters(balancer, 6), "ffffff");
  limited.open();
  EXPECT_EQ(first.read_response().body, "limited");
  const std::string seen = letters(balancer, 4);
  EXPECT_EQ(std::count(seen.begin(), seen.end(), 'l'), 2) << seen;
}

// Goal: a request that waits because it has tried the others must not hold those up that have not. Method: the second
// request fails at the backend without a limit and waits for the other one, which is busy; the third could be answered.
TEST(BackendLimit, a_retry_that_waits_does_not_hold_others_up) {
  CountingBackend limited("limited");
  ScriptedBackend moody([](Connection& connection) {
    while (connection.read_request()) {
      if (connection.request_number() == 1) return;
      connection.send(ok("moody"));
    }
  });
  ConfigFile file(kOneWorker + table_of(limited.url(), "connections_max = 1\n") + table_of(moody.url()));
  Balancer balancer(file.flags());
  Asking first(balancer);
  ASSERT_TRUE(limited.scripted().wait_for_requests(1));
  Asking second(balancer);
  ASSERT_TRUE(moody.wait_for_requests(1));
  wait_until_read(balancer);
  const auto begun = now();
  EXPECT_EQ(ask_once(balancer, get()).body, "moody");
  EXPECT_LT(now() - begun, Duration(2500)) << "half of the time that one waits for room";
  limited.open();
  EXPECT_EQ(first.read_response().body, "limited");
  EXPECT_EQ(second.read_response().status(), 200);
}

// Goal: a tunnel holds its place as long as it lasts. Method: one place; a request waits until the tunnel ends.
TEST(BackendLimit, a_tunnel_holds_its_place) {
  ScriptedBackend backend([](Connection& connection) {
    while (const auto head = connection.read_request_head()) {
      if (!head->has("Upgrade")) {
        connection.send(ok("plain"));
        continue;
      }
      connection.send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n");
      static_cast<void>(connection.wait_ended());
      return;
    }
  });
  ConfigFile file(kOneWorker + table_of(backend.url(), "connections_max = 1\n"));
  Balancer balancer(file.flags());
  Client tunnel(balancer);
  tunnel.send(get("/", "Upgrade: x\r\nConnection: upgrade\r\n"));
  ASSERT_TRUE(tunnel.read_head());
  Asking waits(balancer);
  EXPECT_TRUE(waits.quiet_for(Duration(200)));
  EXPECT_EQ(backend.request_count(), 1U);
  tunnel.close();
  EXPECT_EQ(waits.read_response().body, "plain");
}

// Goal: places come back, whatever became of the exchange. Method: a backend with two places breaks, is silent, is left
// by its client, cuts its answer, answers before the body's end; after each as many requests pass at once as before.
TEST(BackendLimit, places_come_back_after_failures) {
  Gate pair;
  std::atomic<int> pair_count{0};
  ScriptedBackend backend([&](Connection& connection) {
    while (const auto head = connection.read_request_head()) {
      const std::string path = head->start_line.substr(head->start_line.find(' ') + 1, 6);
      if (path == "/break") return;
      if (path == "/waits") {
        static_cast<void>(connection.wait_ended());
        return;
      }
      if (path == "/rubbi") {
        connection.send("rubbish\r\n\r\n");
        return;
      }
      if (path == "/cut_i") {
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart");
        return;
      }
      if (path == "/early") {
        connection.send(ok("early"));
        continue;
      }
      if (path == "/pair_" && ++pair_count % 2 == 0) pair.open();
      if (path == "/pair_") pair.wait();
      connection.send(ok("pair"));
    }
  });
  ConfigFile file(kOneWorker + "server.timeouts.first_response_byte = \"300ms\"\nserver.timeouts.queue = \"2s\"\n" +
                  "retry.attempts = 1\nhealth.failures = 100\n" + table_of(backend.url(), "connections_max = 2\n"));
  Balancer balancer(file.flags());
  for (int round = 0; round < 3; ++round) {
    EXPECT_EQ(ask_once(balancer, get("/break")).status(), 502);
    EXPECT_EQ(ask_once(balancer, get("/waits")).status(), 504);
    EXPECT_EQ(ask_once(balancer, get("/rubbish")).status(), 502);
    EXPECT_FALSE(ask_once(balancer, get("/cut_it")).complete);
    EXPECT_EQ(ask_once(balancer, "POST /early HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\npart").body, "early");
    const std::size_t before = backend.request_count();
    Asking leaves(balancer, get("/waits"));
    ASSERT_TRUE(backend.wait_for_requests(before + 1));
    leaves.reset();
    Asking one(balancer, get("/pair_"));
    Asking other(balancer, get("/pair_"));
    EXPECT_EQ(one.read_response().body, "pair");
    EXPECT_EQ(other.read_response().body, "pair");
  }
  backend.stop();
  for (int i = 0; i < 5; ++i) EXPECT_EQ(ask_once(balancer, get("/refused")).status(), 502);
  backend.start();
  EXPECT_EQ(ask_once(balancer, get("/pair_")).body, "pair");
}

// Goal: the limit changes with the file: at once for who waits, and downwards as places come back. Method: 1, then 3,
// then none, then 1 again.
TEST(BackendLimit, changes_by_a_reload) {
  CountingBackend backend("x", Duration(5));
  const auto limited_to = [&](int most) {
    return kOneWorker + table_of(backend.url(), "connections_max = " + std::to_string(most) + "\n");
  };
  ConfigFile file(limited_to(1));
  Balancer balancer(file.flags());
  std::vector<std::unique_ptr<Asking>> clients;
  for (int i = 0; i < 5; ++i) clients.push_back(std::make_unique<Asking>(balancer));
  ASSERT_TRUE(backend.scripted().wait_for_requests(1));
  reload(balancer, file, limited_to(3));
  ASSERT_TRUE(backend.scripted().wait_for_requests(3));
  reload(balancer, file, limited_to(0));
  ASSERT_TRUE(backend.scripted().wait_for_requests(5));
  reload(balancer, file, limited_to(1));
  Asking waits(balancer);
  EXPECT_TRUE(waits.quiet_for(Duration(100)));
  EXPECT_EQ(backend.scripted().request_count(), 5U);
  backend.open();
  for (const auto& client : clients) EXPECT_EQ(client->read_response().status(), 200);
  EXPECT_EQ(waits.read_response().status(), 200);
}

// Goal: a backend that is removed while requests wait for it leaves them to the others. Method: the only one is busy
// and replaced by another.
TEST(BackendLimit, who_waits_goes_to_the_new_backend_after_a_reload) {
  CountingBackend busy("busy");
  ScriptedBackend fresh(always(ok("fresh")));
  ConfigFile file(kOneWorker + table_of(busy.url(), "connections_max = 1\n"));
  Balancer balancer(file.flags());
  Asking first(balancer);
  ASSERT_TRUE(busy.scripted().wait_for_requests(1));
  Asking second(balancer);
  Asking third(balancer);
  wait_until_read(balancer);
  reload(balancer, file, kOneWorker + table_of(fresh.url()));
  EXPECT_EQ(second.read_response().body, "fresh");
  EXPECT_EQ(third.read_response().body, "fresh");
  busy.open();
  EXPECT_EQ(first.read_response().body, "busy");
}

// Goal: a line of requests does not hold a stop up beyond what it takes, and each is answered. Method: SIGTERM while
// two wait.
TEST(BackendLimit, who_waits_is_answered_when_the_balancer_stops) {
  CountingBackend backend("x");
  ConfigFile file(kOneWorker + table_of(backend.url(), "connections_max = 1\n"));
  Balancer balancer(file.flags());
  Asking first(balancer);
  ASSERT_TRUE(backend.scripted().wait_for_requests(1));
  Asking second(balancer);
  Asking third(balancer);
  wait_until_read(balancer);
  balancer.signal(SIGTERM);
  ASSERT_TRUE(balancer.wait_for_log("stopping"));
  backend.open();
  for (Asking* client : {&first, &second, &third}) EXPECT_EQ(client->read_response().status(), 200);
  EXPECT_EQ(balancer.wait_exit(), 0);
}

}  // namespace
}  // namespace lb::e2e
