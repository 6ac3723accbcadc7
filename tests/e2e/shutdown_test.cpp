// Signals: an orderly end, a quick end, and none.
#include <atomic>
#include <csignal>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "support/balancer.hpp"
#include "support/black_hole.hpp"

namespace lb::e2e {
namespace {

using namespace lb::support;  // NOLINT(google-build-using-namespace): the vocabulary of these tests
using Connection = ScriptedBackend::Connection;

// A backend that answers when the gate opens.
ScriptedBackend::Script answer_after(Gate& gate) {
  return [&gate](Connection& connection) {
    while (connection.read_request() && gate.wait()) connection.send(ok("finished"));
  };
}

// Waits until new connections are refused.
bool wait_for_closed_port(std::uint16_t port) {
  const Deadline deadline = within();
  while (connect_local(port).get() >= 0) {
    if (now() > deadline) return false;
  }
  return true;
}

// Goal: SIGTERM and SIGINT close the port and idle connections at once, let the request in flight end, tell its client
// that the connection closes, and exit 0. Method: one idle client and one that waits for a backend held back by a gate.
TEST(Shutdown, signal_drains_and_exits_0) {
  for (const int number : {SIGTERM, SIGINT}) {
    for (const unsigned threads : {1U, 4U}) {
      SCOPED_TRACE(std::to_string(number) + " with threads " + std::to_string(threads));
      Gate gate;
      ScriptedBackend slow(answer_after(gate));
      ScriptedBackend quick(always(ok("quick")));
      Balancer balancer({.backends = {&quick, &slow}, .threads = threads});
      Client idle(balancer);
      EXPECT_EQ(idle.ask(get()).body, "quick");
      Client busy(balancer);
      busy.send(get());
      ASSERT_TRUE(slow.wait_for_requests(1));
      balancer.signal(number);
      EXPECT_EQ(idle.read_to_end(), "");
      EXPECT_EQ(idle.ending(), Ending::closed);
      EXPECT_TRUE(wait_for_closed_port(balancer.port()));
      EXPECT_FALSE(balancer.wait_exit(now()));
      gate.open();
      const Message answer = busy.read_response();
      EXPECT_EQ(answer.body, "finished");
      EXPECT_EQ(answer.head.value("Connection"), "close");
      EXPECT_TRUE(busy.wait_ended());
      EXPECT_EQ(balancer.wait_exit(), 0);
    }
  }
}

// Goal: with nothing to finish the end is immediate: an image stops on SIGTERM at once. Method: idle clients, one of
// which never asked anything, and pooled upstream connections; the grace period is a minute.
TEST(Shutdown, is_immediate_with_nothing_in_flight) {
  ScriptedBackend backend(always(ok("ok")));
  Balancer balancer({.backends = {&backend}, .toml = "[shutdown]\ngrace = \"1m\"\n", .threads = 4});
  Client asked(balancer);
  EXPECT_EQ(asked.ask(get()).body, "ok");
  Client silent(balancer);
  balancer.signal(SIGTERM);
  EXPECT_EQ(balancer.wait_exit(), 0);
}

// Goal: a second signal ends at once what the first one lets finish. Method: a backend that never answers.
TEST(Shutdown, second_signal_ends_now) {
  ScriptedBackend backend([](Connection& connection) {
    if (connection.read_request()) static_cast<void>(connection.wait_ended());
  });
  Balancer balancer({.backends = {&backend}, .toml = "[shutdown]\ngrace = \"1m\"\n", .threads = 2});
  Client client(balancer);
  client.send(get());
  ASSERT_TRUE(backend.wait_for_requests(1));
  balancer.signal(SIGTERM);
  ASSERT_TRUE(balancer.wait_for_log("stopping"));
  EXPECT_FALSE(balancer.wait_exit(within(Duration(200))));
  balancer.signal(SIGTERM);
  EXPECT_EQ(balancer.wait_exit(), 0);
  EXPECT_TRUE(client.wait_ended());
}

// Goal: the grace period bounds the wait. Method: 300 ms and a backend that never answers.
TEST(Shutdown, grace_period_bounds_the_wait) {
  ScriptedBackend backend([](Connection& connection) {
    if (connection.read_request()) static_cast<void>(connection.wait_ended());
  });
  Balancer balancer({.backends = {&backend}, .toml = "[shutdown]\ngrace = \"300ms\"\n"});
  Client client(balancer);
  client.send(get());
  ASSERT_TRUE(backend.wait_for_requests(1));
  balancer.signal(SIGTERM);
  EXPECT_EQ(balancer.wait_exit(), 0);
  EXPECT_TRUE(client.wait_ended());
}

// Goal: a health check under way does not hold the end up; before, the process stayed for the check's timeout and took
// no further signal. Method: a backend that swallows the check's connection request, and 20 s for it.
TEST(Shutdown, does_not_wait_for_a_health_check) {
  BlackHole backend;
  backend.swallow();
  Balancer balancer(
      {.toml = "[health]\ninterval = \"100ms\"\ntimeout = \"20s\"\n[[backends]]\nurl = \"" + backend.url() + "\"\n"});
  ASSERT_TRUE(balancer.wait_for_log("[down] (health check failed)"));
  // Long enough for the next round to begin; should it not have begun, the test is easier, never wrong.
  static_cast<void>(balancer.wait_exit(within(Duration(300))));
  balancer.signal(SIGTERM);
  EXPECT_EQ(balancer.wait_exit(within(Duration(8000))), 0);
}

// Goal: a tunnel and a streaming answer count as in flight. Method: both go on after the signal and end by themselves.
TEST(Shutdown, tunnels_and_streams_may_finish) {
  Gate gate;
  ScriptedBackend backend([&gate](Connection& connection) {
    const auto head = connection.read_request_head();
    if (!head) return;
    if (head->has("Upgrade")) {
      connection.send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n");
      connection.send(connection.read_to_end());
    } else {
      connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n");
      if (gate.wait()) connection.send("4\r\nlast\r\n0\r\n\r\n");
    }
  });
  Balancer balancer({.backends = {&backend}});
  Client tunnel(balancer);
  tunnel.send(get("/", "Upgrade: x\r\nConnection: upgrade\r\n"));
  ASSERT_TRUE(tunnel.read_head());
  Client stream(balancer);
  stream.send(get());
  Message answer;
  auto head = stream.read_head();
  ASSERT_TRUE(head);
  answer.head = *head;
  balancer.signal(SIGTERM);
  EXPECT_TRUE(wait_for_closed_port(balancer.port()));
  tunnel.send("echo");
  tunnel.shutdown_send();
  EXPECT_EQ(tunnel.read_to_end(), "echo");
  gate.open();
  stream.read_body(answer, Kind::response);
  EXPECT_EQ(answer.body, "firstlast");
  EXPECT_EQ(balancer.wait_exit(), 0);
}

// Goal: under load no request fails because of the signal: each gets its answer or is refused before it was sent.
// Method: clients that ask on kept connections until they are told to close or find the port closed.
TEST(Shutdown, answers_all_requests_that_were_accepted) {
  ScriptedBackend backend(always(ok("ok")));
  Balancer balancer({.backends = {&backend}, .threads = 4});
  std::vector<std::thread> threads;
  std::atomic<int> answered{0};
  std::atomic<int> broken{0};
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (;;) {
        Descriptor socket = connect_local(balancer.port());
        if (socket.get() < 0) return;
        Wire wire(std::move(socket));
        // A connection that the kernel took in the instant in which the port closed is reset unseen: nobody has read
        // it. If that is told by sending, it is not told again by reading.
        if (!wire.send(get("/", "Connection: close\r\n"))) continue;
        const Message message = wire.read_message(Kind::response);
        if (message.complete) {
          ++answered;
        } else if (!message.head.text.empty() || wire.ending() == Ending::closed) {
          ++broken;
        }
      }
    });
  }
  const Deadline deadline = within();
  while (answered < 200 && now() < deadline) static_cast<void>(backend.wait_for_requests(backend.request_count() + 1));
  balancer.signal(SIGTERM);
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(balancer.wait_exit(), 0);
  EXPECT_GE(answered, 200);
  EXPECT_EQ(broken, 0);
}

// Goal: a client that asks one request after the other on a kept connection is told before it closes: it never meets a
// connection that ended without "Connection: close". Method: several such clients, with pauses of up to 50 ms between
// their requests, until each was told; beside them one that idled for longer than such a client's grace, which is
// closed at once.
TEST(Shutdown, busy_clients_are_told_before_their_connection_closes) {
  ScriptedBackend backend(always(ok("ok")));
  Balancer balancer({.backends = {&backend}, .threads = 2});
  Client idle(balancer);
  EXPECT_EQ(idle.ask(get()).status(), 200);
  EXPECT_TRUE(idle.quiet_for(Duration(250)));
  std::atomic<int> asked{0};
  std::atomic<int> told{0};
  std::atomic<int> broken{0};
  std::vector<std::thread> clients;
  for (int i = 0; i < 4; ++i) {
    clients.emplace_back([&, i] {
      Client client(balancer);
      for (;;) {
        const Message answer = client.ask(get());
        ++asked;
        if (!answer.complete) {
          ++broken;
          return;
        }
        if (answer.head.value("Connection") == "close") {
          ++told;
          return;
        }
        if (i > 0 && !client.quiet_for(Duration(i * 15))) {
          ++broken;
          return;
        }
      }
    });
  }
  const Deadline deadline = within();
  while (asked < 100 && now() < deadline) static_cast<void>(backend.wait_for_requests(backend.request_count() + 1));
  const auto begun = now();
  balancer.signal(SIGTERM);
  EXPECT_TRUE(idle.wait_ended());
  EXPECT_LT(now() - begun, Duration(150));
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(told, 4);
  EXPECT_EQ(broken, 0);
  EXPECT_EQ(balancer.wait_exit(), 0);
}

// Goal: SIGHUP never ends the process. Method: a request after it.
TEST(Shutdown, sighup_does_not_end_it) {
  ScriptedBackend backend(always(ok("ok")));
  Balancer balancer({.backends = {&backend}});
  balancer.signal(SIGHUP);
  EXPECT_TRUE(balancer.wait_for_log("SIGHUP"));
  EXPECT_EQ(ask_once(balancer, get()).body, "ok");
}

}  // namespace
}  // namespace lb::e2e
