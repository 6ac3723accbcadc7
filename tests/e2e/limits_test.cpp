// Deadlines and bounds towards clients and backends: each with its own answer or cut.
#include <deque>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "support/balancer.hpp"

namespace lb::e2e {
namespace {

using namespace lb::support;  // NOLINT(google-build-using-namespace): the vocabulary of these tests
using Connection = ScriptedBackend::Connection;

// Goal: a head that trickles meets its deadline and gets 408. Method: it never ends; 300 ms.
TEST(Timeouts, slow_head_is_408) {
  ScriptedBackend backend(always(ok("ok")));
  Balancer balancer({.backends = {&backend}, .toml = "[server.timeouts]\nheader = \"300ms\"\n"});
  Client client(balancer);
  client.send("GET / HTTP/1.1\r\nHost: te");
  const Message answer = client.read_response();
  EXPECT_EQ(answer.status(), 408);
  EXPECT_EQ(answer.head.value("Connection"), "close");
  EXPECT_TRUE(client.wait_ended());
  EXPECT_EQ(backend.request_count(), 0U);
}

// Goal: the deadline is for the whole head: a byte now and then does not move it. Method: one byte each 50 ms, for far
// longer than the deadline.
TEST(Timeouts, trickling_does_not_move_the_deadline_of_a_head) {
  ScriptedBackend backend(always(ok("ok")));
  Balancer balancer({.backends = {&backend}, .toml = "[server.timeouts]\nheader = \"400ms\"\n"});
  Client client(balancer);
  client.send("GET / HTTP/1.1\r\nHost: test\r\nX: ");
  const Deadline deadline = within();
  while (client.quiet_for(Duration(50)) && now() < deadline) client.send("x");
  EXPECT_EQ(client.read_response().status(), 408);
}

// Goal: a connection on which nothing was ever sent is closed without a word. Method: none.
TEST(Timeouts, connection_without_a_request_is_closed_silently) {
  ScriptedBackend backend(always(ok("ok")));
  Balancer balancer({.backends = {&backend}, .toml = "[server.timeouts]\nheader = \"300ms\"\n"});
  Client client(balancer);
  EXPECT_EQ(client.read_to_end(), "");
  EXPECT_EQ(client.ending(), Ending::closed);
}

// Goal: a body that stops coming is 408, and the backend's exchange ends without being its failure. Method: 3 of 10
// bytes.
TEST(Timeouts, stalled_body_is_408) {
  Gate ended;
  ScriptedBackend backend([&ended](Connection& connection) {
    if (!connection.read_request_head()) return;
    EXPECT_FALSE(connection.read_request_body().complete);
    ended.open();
  });
  Balancer balancer(
      {.backends = {&backend}, .toml = "[server.timeouts]\nbody_idle = \"300ms\"\n[health]\nfailures = 1\n"});
  Client client(balancer);
  client.send("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 10\r\n\r\nabc");
  const Message answer = client.read_response();
  EXPECT_EQ(answer.status(), 408);
  EXPECT_EQ(answer.head.value("Connection"), "close");
  EXPECT_TRUE(client.wait_ended());
  EXPECT_TRUE(ended.wait());
  EXPECT_EQ(balancer.log().find("[down]"), std::string::npos);
}

// Goal: a kept connection without a request is closed silently, not with 408, which would look like an answer to the
// next request. Method: 300 ms after an answer.
TEST(Timeouts, idle_kept_connection_is_closed_silently) {
  ScriptedBackend backend(always(ok("ok")));
  Balancer balancer({.backends = {&backend}, .toml = "[server.timeouts]\nkeep_alive_idle = \"300ms\"\n"});
  Client client(balancer);
  EXPECT_EQ(client.ask(get()).body, "ok");
  EXPECT_EQ(client.read_to_end(), "");
  EXPECT_EQ(client.ending(), Ending::closed);
}

// Goal: an answer that stalls is cut, visibly, however its end would have been shown, and its backend is free again.
// Method: each framing, and HTTP/1.0, where only a reset tells a cut from an end; 300 ms.
TEST(Timeouts, stalled_answer_is_cut) {
  const std::string old = "GET / HTTP/1.0\r\n\r\n";
  const std::vector<std::pair<std::string, std::string>> exchanges{
      {get(), "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"},
      {get(), "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"},
      {get(), "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nabc"},
      {old, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"},
      {old, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"},
  };
  for (const auto& [request, part] : exchanges) {
    Gate ended;
    ScriptedBackend backend([&ended, &part](Connection& connection) {
      if (!connection.read_request()) return;
      connection.send(part);
      if (connection.wait_ended()) ended.open();
    });
    Balancer balancer({.backends = {&backend}, .toml = "[server.timeouts]\nresponse_idle = \"300ms\"\n"});
    Client client(balancer);
    const auto begun = now();
    const Message answer = client.ask(request);
    EXPECT_GE(now() - begun, Duration(250)) << part;
    EXPECT_EQ(answer.status(), 200) << part;
    EXPECT_FALSE(answer.complete) << request << part;
    EXPECT_NE(client.ending(), Ending::timeout) << part;
    EXPECT_TRUE(ended.wait()) << part;
  }
}

// Goal: the deadline of an answer's first byte is for its whole head, and bytes of it now and then do not move it; the
// client then gets an answer that is none of its backend's. Method: a head that trickles for far longer than 300 ms.
TEST(Timeouts, trickling_head_of_an_answer_is_504) {
  ScriptedBackend backend([](Connection& connection) {
    if (!connection.read_request()) return;
    connection.send("HTTP/1.1 200 OK\r\nX: ");
    const Deadline deadline = within();
    while (connection.quiet_for(Duration(50)) && now() < deadline) connection.send("x");
  });
  Balancer balancer(
      {.backends = {&backend}, .toml = "[server.timeouts]\nfirst_response_byte = \"300ms\"\n[retry]\nattempts = 1\n"});
  EXPECT_EQ(ask_once(balancer, get()).status(), 504);
}

// Goal: the deadline for reads of an answer is for each read: an answer that takes longer as a whole is not cut.
// Method: 12 pieces with 100 ms between them, of 1 s allowed.
TEST(Timeouts, slow_but_steady_answer_is_not_cut) {
  ScriptedBackend backend([](Connection& connection) {
    if (!connection.read_request()) return;
    connection.send("HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n");
    for (int i = 0; i < 12 && connection.quiet_for(Duration(100)); ++i) connection.send("x");
    static_cast<void>(connection.wait_ended());
  });
  Balancer balancer({.backends = {&backend}, .toml = "[server.timeouts]\nresponse_idle = \"1s\"\n"});
  const Message answer = ask_once(balancer, get());
  EXPECT_EQ(answer.body, "xxxxxxxxxxxx");
  EXPECT_TRUE(answer.complete);
}

// Goal: a client that stops reading is dropped, and its backend is free again. Method: an endless answer to a client
// with a small window; "write_idle" of 300 ms.
TEST(Timeouts, client_that_stops_reading_is_dropped) {
  Gate ended;
  ScriptedBackend backend([&ended](Connection& connection) {
    if (!connection.read_request()) return;
    connection.send("HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n");
    const Deadline deadline = within();
    while (connection.send(std::string(64 * 1024, 'x'), deadline)) {
    }
    if (now() < deadline) ended.open();
  });
  Balancer balancer(
      {.backends = {&backend}, .toml = "[server.timeouts]\nwrite_idle = \"300ms\"\n[health]\nfailures = 1\n"});
  Client client(balancer);
  client.set_receive_buffer(8 * 1024);
  client.send(get());
  EXPECT_TRUE(ended.wait());
  EXPECT_EQ(balancer.log().find("[down]"), std::string::npos) << balancer.log();
}

// Goal: a backend that stops reading a body is given up. Method: a large upload to one that reads nothing; POST, so
// that the first failure is the answer.
TEST(Timeouts, backend_that_stops_reading_is_given_up) {
  Gate answered;
  ScriptedBackend backend([&answered](Connection& connection) {
    connection.set_receive_buffer(8 * 1024);
    if (connection.read_request_head()) static_cast<void>(answered.wait());
  });
  Balancer balancer({.backends = {&backend}, .toml = "[server.timeouts]\nwrite_idle = \"300ms\"\n"});
  Client client(balancer);
  client.send("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 100000000\r\n\r\n");
  const Deadline deadline = within();
  while (client.send(std::string(64 * 1024, 'x'), within(Duration(100))) && client.quiet_for(Duration(0)) &&
         now() < deadline) {
  }
  EXPECT_EQ(client.read_response().status(), 504);
  answered.open();
}

// Goal: a limit on bodies is 413, before anything of a body with a length goes out. Method: one byte over and exactly
// at it.
TEST(Limits, body_over_the_limit_is_413) {
  ScriptedBackend backend(always(ok("ok")));
  Balancer balancer({.backends = {&backend}, .toml = "[server.limits]\nbody_bytes = \"1KiB\"\n"});
  const Message refused = ask_once(balancer, request("POST", std::string(1025, 'x')));
  EXPECT_EQ(refused.status(), 413);
  EXPECT_EQ(refused.head.value("Connection"), "close");
  EXPECT_EQ(backend.request_count(), 0U);
  EXPECT_EQ(ask_once(balancer, request("POST", std::string(1024, 'x'))).body, "ok");
}

// Goal: the limit holds for chunked bodies, whose length nobody announces. Method: chunks that add up to more, after
// the backend has the head; it must never see the request complete.
TEST(Limits, chunked_body_over_the_limit_is_413) {
  ScriptedBackend backend(always(ok("ok")));
  Balancer balancer({.backends = {&backend}, .toml = "[server.limits]\nbody_bytes = \"1KiB\"\n"});
  Client client(balancer);
  client.send("POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n3e8\r\n" + std::string(1000, 'x') +
              "\r\n");
  ASSERT_TRUE(backend.wait_for_requests(1));
  client.send("19\r\n" + std::string(25, 'x') + "\r\n0\r\n\r\n");
  EXPECT_EQ(client.read_response().status(), 413);
  EXPECT_TRUE(client.wait_ended());
  backend.stop();
  EXPECT_FALSE(backend.requests()[0].message.complete);
}

// Goal: header limits are keys. Method: lowered, a request within the defaults is refused.
TEST(Limits, header_limits_are_keys) {
  ScriptedBackend backend(always(ok("ok")));
  Balancer balancer({.backends = {&backend}, .toml = "[server.limits]\nheader_bytes = \"1KiB\"\nheader_count = 5\n"});
  EXPECT_EQ(ask_once(balancer, get("/", "X: " + std::string(1100, 'x') + "\r\n")).status(), 431);
  EXPECT_EQ(ask_once(balancer, get("/" + std::string(1100, 'x'))).status(), 414);
  EXPECT_EQ(ask_once(balancer, get("/", "A: 1\r\nB: 2\r\nC: 3\r\nD: 4\r\nE: 5\r\n")).status(), 431);
  EXPECT_EQ(ask_once(balancer, get("/", "A: 1\r\nB: 2\r\nC: 3\r\nD: 4\r\n")).status(), 200);
}

// A backend that answers "/held" only when it is let, and all else at once.
ScriptedBackend::Script held_until(Gate& gate) {
  return [&gate](Connection& connection) {
    while (const auto request = connection.read_request()) {
      if (request->head.start_line.find("/held") != std::string::npos && !gate.wait()) return;
      connection.send(ok("ok"));
    }
  };
}

// Goal: over the limit of connections the one that has idled longest makes way; one that is busy stays, and when all
// are busy a client gets a word. Method: a busy one, an idle one; then both busy.
TEST(Limits, idle_connection_makes_way_over_the_limit_and_busy_ones_do_not) {
  Gate gate;
  ScriptedBackend backend(held_until(gate));
  Balancer balancer({.backends = {&backend}, .toml = "[server.limits]\nconnections = 2\n"});
  Client busy(balancer);
  busy.send(get("/held"));
  Client idle(balancer);
  EXPECT_EQ(idle.ask(get()).body, "ok");
  Client third(balancer);
  EXPECT_EQ(third.ask(get()).body, "ok");
  EXPECT_TRUE(idle.wait_ended());
  third.send(get("/held"));
  ASSERT_TRUE(backend.wait_for_requests(4));
  Client refused(balancer);
  const Message answer = refused.read_response();
  EXPECT_EQ(answer.status(), 503);
  EXPECT_NE(answer.head.value("Proxy-Status").find("connection_limit_reached"), std::string::npos);
  EXPECT_TRUE(answer.head.has("Retry-After"));
  EXPECT_TRUE(refused.wait_ended());
  gate.open();
  EXPECT_EQ(busy.read_response().body, "ok");
  EXPECT_EQ(third.read_response().body, "ok");
}

// Goal: an idle connection makes way wherever it is. Method: four workers, of which the one that accepts the newest
// connection rarely has the idle ones; each of many newcomers is served.
TEST(Limits, idle_connection_of_another_worker_makes_way) {
  ScriptedBackend backend(always(ok("ok")));
  Balancer balancer({.backends = {&backend}, .toml = "[server.limits]\nconnections = 2\n", .threads = 4});
  std::deque<Client> clients;
  for (int i = 0; i < 20; ++i) EXPECT_EQ(clients.emplace_back(balancer).ask(get()).body, "ok") << i;
}

// Goal: a client over the limit that has sent its request reads the 503, not a reset that destroys it. Method: the
// request goes out at once, as every client does it, while the only place is busy.
TEST(Limits, refusal_over_the_limit_survives_a_request_that_was_sent) {
  Gate gate;
  ScriptedBackend backend(held_until(gate));
  Balancer balancer({.backends = {&backend}, .toml = "[server.limits]\nconnections = 1\n"});
  Client first(balancer);
  first.send(get("/held"));
  ASSERT_TRUE(backend.wait_for_requests(1));
  for (int i = 0; i < 20; ++i) EXPECT_EQ(ask_once(balancer, request("POST", std::string(1000, 'x'))).status(), 503);
  gate.open();
  EXPECT_EQ(first.read_response().body, "ok");
}

}  // namespace
}  // namespace lb::e2e
