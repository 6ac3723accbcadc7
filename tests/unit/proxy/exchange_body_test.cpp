// Bodies, interim answers, upgrades and shutdown through the real proxy.
#include <string>

#include <gtest/gtest.h>

#include "support/memory_proxy.hpp"

namespace lb::proxy {
namespace {

// Sends everything through, taking what arrives at the other end; returns that.
enum class Rest : std::uint8_t { must_go, may_be_left };
std::string pump(Proxy& proxy, MemoryStream& from, MemoryStream& to, std::string_view bytes,
                 Rest rest = Rest::must_go) {
  std::string arrived;
  for (int round = 0; round < 100'000 && !bytes.empty() && !from.peer_end(); ++round) {
    bytes.remove_prefix(from.put(bytes));
    proxy.run();
    arrived += to.take();
    proxy.run();
  }
  EXPECT_TRUE(bytes.empty() || rest == Rest::may_be_left);
  return arrived + to.take();
}

TEST(ProxyExchangeBody, bodies_of_any_size_pass_in_both_directions) {
  Proxy proxy(1);
  const std::string body(3'000'000, 'b');
  MemoryStream& client =
      proxy.request("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n");
  proxy.run();
  MemoryStream& backend = proxy.transport.last(0);
  const std::string sent = pump(proxy, client, backend, body);
  EXPECT_EQ(sent.size(), sent.find("\r\n\r\n") + 4 + body.size());
  const std::string head =
      "HTTP/1.1 200 OK\r\nDate: now\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n";
  EXPECT_EQ(pump(proxy, backend, client, head + body), head + body);
}

// Goal: who waits for a slow backend holds no buffer. Method: the pool's free ones, of all that there ever were.
TEST(ProxyExchangeBody, no_buffer_is_held_while_an_answer_is_awaited) {
  Proxy proxy(1);
  std::size_t blocks = 0;
  for (int i = 0; i < 10; ++i) {
    proxy.request(kGet);
    proxy.run();
    EXPECT_EQ(proxy.connections(0), static_cast<std::size_t>(i) + 1);
    if (i == 0) blocks = proxy.world.blocks.free_count();
    EXPECT_EQ(proxy.world.blocks.free_count(), blocks) << i;
  }
  EXPECT_EQ(blocks, 1U);
}

// Goal: memory is bounded. Method: the client does not read; the proxy stops taking from the backend.
TEST(ProxyExchangeBody, a_client_that_does_not_read_holds_the_backend_back) {
  Proxy proxy(1);
  MemoryStream& client = proxy.request(kGet);
  MemoryStream& backend = proxy.transport.last(0);
  proxy.send(backend, "HTTP/1.1 200 OK\r\nDate: now\r\n\r\n");
  std::size_t taken = 0;
  for (int round = 0; round < 1'000; ++round) {
    taken += backend.put(std::string(64 * 1024, 'x'));
    proxy.run();
  }
  EXPECT_LT(taken, 1'000'000U);
  EXPECT_GT(client.arrived().size(), 0U);
  proxy.pass(proxy.settings.http.timeouts.write_idle + Duration(20));
  EXPECT_NE(client.peer_end(), std::nullopt) << "and does not do so for ever";
}

TEST(ProxyExchangeBody, bytes_of_an_answer_are_passed_on_as_they_come) {
  Proxy proxy(1);
  MemoryStream& client = proxy.request(kGet);
  proxy.answer(0,
               "HTTP/1.1 200 OK\r\nDate: now\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n");
  EXPECT_TRUE(client.take().ends_with("\r\n\r\n"));
  for (int event = 0; event < 3; ++event) {
    proxy.answer(0, "4\r\na\n\nb\r\n");
    EXPECT_EQ(client.take(), "4\r\na\n\nb\r\n");
    proxy.pass(Duration(35'000));
  }
}

TEST(ProxyExchangeBody, an_answer_that_stops_in_the_middle_is_cut_after_the_idle_timeout) {
  Proxy proxy(1, test_settings(), 1);
  MemoryStream& client = proxy.request(kGet);
  proxy.answer(0, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello");
  proxy.pass(Duration(40'020));
  EXPECT_TRUE(client.take().ends_with("\r\n\r\nhello"));
  EXPECT_NE(client.peer_end(), std::nullopt);
  EXPECT_FALSE(proxy.cluster.endpoint(0).is_up());
}

TEST(ProxyExchangeBody, a_body_too_long_to_keep_streams_on_and_is_not_repeated) {
  TestSettings settings = test_settings();
  settings.replay_bytes = 100;
  for (const std::size_t size : {100U, 101U}) {
    Proxy proxy(2, settings);
    MemoryStream& client = proxy.request("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: " + std::to_string(size) +
                                         "\r\n\r\n" + std::string(size, 'x'));
    proxy.transport.last(0).take();
    proxy.transport.last(0).abort();
    proxy.run();
    EXPECT_EQ(proxy.transport.backend(1).attempts, size == 100 ? 1U : 0U);
    if (size == 101) {
      EXPECT_EQ(status_of_text(client.take()), "502");
    }
  }
}

TEST(ProxyExchangeBody, a_body_that_stops_is_a_408_and_no_fault_of_the_backend) {
  Proxy proxy(1, test_settings(), 1);
  MemoryStream& client = proxy.request("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n12345");
  proxy.pass(Duration(20'020));
  EXPECT_EQ(status_of_text(client.take()), "408");
  EXPECT_TRUE(proxy.cluster.endpoint(0).is_up());
  EXPECT_NE(proxy.transport.last(0).peer_end(), std::nullopt);
}

TEST(ProxyExchangeBody, a_broken_chunk_is_a_400_and_no_fault_of_the_backend) {
  for (const std::string first : {"", "5\r\nhello\r\n"}) {
    Proxy proxy(1, test_settings(), 1);
    MemoryStream& client = proxy.connect();
    proxy.send(client, "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n" + first);
    proxy.send(client, "zz\r\n");
    const std::string answer = client.take();
    EXPECT_EQ(status_of_text(answer), "400");
    EXPECT_NE(answer.find("Connection: close\r\n"), std::string::npos);
    EXPECT_TRUE(proxy.cluster.endpoint(0).is_up());
  }
}

TEST(ProxyExchangeBody, a_body_beyond_the_limit_is_a_413) {
  TestSettings settings = test_settings();
  settings.http.body_bytes = 10;
  Proxy proxy(1, settings, 1);
  EXPECT_EQ(status_of_text(proxy.request("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 11\r\n\r\n").take()), "413");
  MemoryStream& chunked =
      proxy.request("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nabcdef\r\n");
  proxy.send(chunked, "6\r\nabcdef\r\n");
  EXPECT_EQ(status_of_text(chunked.take()), "413");
  EXPECT_TRUE(proxy.cluster.endpoint(0).is_up());
}

TEST(ProxyExchangeBody, an_answer_before_the_end_of_the_body_ends_the_connection) {
  Proxy proxy(1);
  MemoryStream& client = proxy.request("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\nx");
  proxy.answer(0, "HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n");
  const std::string answer = client.take();
  EXPECT_EQ(status_of_text(answer), "403");
  EXPECT_NE(answer.find("Connection: close\r\n"), std::string::npos);
  // What looks like a request in the rest of the body is none.
  proxy.send(client, kGet);
  EXPECT_EQ(proxy.connections(0), 1U);
  EXPECT_EQ(client.take(), "");
}

TEST(ProxyExchangeBody, the_backend_agrees_before_a_body_that_is_expected_to_wait) {
  Proxy proxy(1);
  MemoryStream& client =
      proxy.request("POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n");
  EXPECT_TRUE(proxy.answer(0, "HTTP/1.1 100 Continue\r\n\r\n").ends_with("\r\n\r\n"));
  EXPECT_EQ(client.take(), "HTTP/1.1 100 Continue\r\n\r\n");
  proxy.send(client, "body");
  EXPECT_EQ(proxy.answer(0, kOk), "body");
  EXPECT_EQ(client.take(), kOk);
  proxy.send(client, kGet);
  proxy.answer(0, kOk);
  EXPECT_EQ(client.take(), kOk);
}

TEST(ProxyExchangeBody, a_backend_may_refuse_a_body_before_it_is_sent) {
  Proxy proxy(1);
  MemoryStream& client =
      proxy.request("POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n");
  proxy.answer(0, "HTTP/1.1 417 No\r\nContent-Length: 0\r\n\r\n");
  EXPECT_EQ(status_of_text(client.take()), "417");
}

TEST(ProxyExchangeBody, interim_answers_are_passed_on_to_those_who_can_read_them) {
  Proxy proxy(1);
  MemoryStream& client = proxy.request(kGet);
  proxy.answer(0, "HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n");
  EXPECT_EQ(client.take(), "HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n");
  proxy.answer(0, "HTTP/1.1 100 Continue\r\n\r\n" + kOk);
  EXPECT_EQ(client.take(), kOk) << "nobody asked for 100";
  MemoryStream& old = proxy.request("GET / HTTP/1.0\r\n\r\n");
  proxy.answer(0, "HTTP/1.1 103 Early Hints\r\n\r\n" + kOk);
  EXPECT_TRUE(old.take().starts_with("HTTP/1.1 200 OK"));
}

TEST(ProxyExchangeBody, a_backend_that_sends_interim_answers_without_end_is_given_up) {
  Proxy proxy(1);
  MemoryStream& client = proxy.request(kPost);
  std::string many;
  for (int i = 0; i < 100; ++i) many += "HTTP/1.1 102 Processing\r\nX: " + std::string(3000, 'x') + "\r\n\r\n";
  proxy.run();
  MemoryStream& backend = proxy.transport.last(0);
  backend.take();
  EXPECT_NE(pump(proxy, backend, client, many, Rest::may_be_left).find("HTTP/1.1 502 Bad Gateway\r\n"),
            std::string::npos);
}

// Goal: interim answers that come slowly, each in time, do not put the answer off for ever. Method: one each half of
// the time for the first byte.
TEST(ProxyExchangeBody, interim_answers_do_not_put_the_answer_off_for_ever) {
  Proxy proxy(1);
  MemoryStream& client = proxy.request(kPost);
  std::string seen;
  int interims = 0;
  for (; interims < 20 && seen.find("HTTP/1.1 502 ") == std::string::npos; ++interims) {
    proxy.answer(0, "HTTP/1.1 102 Processing\r\n\r\n");
    seen += client.take();
    proxy.pass(proxy.settings.first_response_byte_timeout / 2);
    seen += client.take();
  }
  EXPECT_NE(seen.find("HTTP/1.1 502 Bad Gateway\r\n"), std::string::npos) << seen;
  EXPECT_GE(interims, 8);
}

const std::string kHeadRequest = "HEAD / HTTP/1.1\r\nHost: h\r\n\r\n";
const std::string kAnswerToHead = "HTTP/1.1 200 OK\r\nDate: now\r\nContent-Length: 9\r\n\r\n";

// Goal: a HEAD does not cost its connection, and a body that comes late behind its answer is nobody's. Method: what is
// watched is not used before its time; then it is; and once a backend has kept silent often enough, at once.
TEST(ProxyExchangeBody, connection_behind_an_answer_to_head_is_used_again_once_it_kept_silent) {
  Proxy proxy(1);
  for (std::size_t round = 1; round <= base::kProbationsPassed; ++round) {
    proxy.request(kHeadRequest);
    proxy.run();
    proxy.send(*proxy.transport.backend(0).connections.front(), kAnswerToHead);
    if (round == 1) {
      proxy.request(kGet);
      proxy.answer(0, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
      EXPECT_EQ(proxy.connections(0), 2U) << "its time is not over";
    }
    proxy.pass(base::kProbationTime + Duration(20));
  }
  const std::size_t before = proxy.connections(0);
  for (int i = 0; i < 10; ++i) {
    proxy.request(kHeadRequest);
    proxy.run();
    proxy.send(*proxy.transport.backend(0).connections.front(), kAnswerToHead);
  }
  EXPECT_EQ(proxy.connections(0), before) << "one connection for all";
}

TEST(ProxyExchangeBody, connection_behind_an_answer_to_head_that_speaks_is_closed) {
  Proxy proxy(1);
  proxy.request(kHeadRequest);
  proxy.answer(0, kAnswerToHead);
  proxy.answer(0, "late body");
  proxy.pass(base::kProbationTime + Duration(20));
  proxy.request(kGet);
  proxy.run();
  EXPECT_EQ(proxy.connections(0), 2U);
}

TEST(ProxyExchangeBody, an_upgrade_becomes_a_tunnel_with_half_close) {
  Proxy proxy(1);
  MemoryStream& client =
      proxy.request("GET / HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\nearly");
  proxy.answer(0, "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\nhi");
  const std::string answer = client.take();
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 101 "));
  EXPECT_TRUE(answer.ends_with("\r\n\r\nhi"));
  MemoryStream& backend = proxy.transport.last(0);
  EXPECT_EQ(backend.take(), "early");
  proxy.send(client, "GET / not HTTP\n");
  EXPECT_EQ(backend.take(), "GET / not HTTP\n");
  client.end_output();
  proxy.run();
  EXPECT_EQ(backend.peer_end(), End::closed);
  proxy.send(backend, "still here");
  EXPECT_EQ(client.take(), "still here");
  backend.close();
  proxy.run();
  EXPECT_EQ(client.peer_end(), End::closed);
  EXPECT_EQ(proxy.world.tasks.size(), 0U);
}

TEST(ProxyExchangeBody, a_switch_that_nobody_asked_for_is_a_bad_answer) {
  Proxy proxy(1);
  MemoryStream& client = proxy.request(kPost);
  proxy.answer(0, "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n");
  EXPECT_EQ(status_of_text(client.take()), "502");
}

TEST(ProxyExchangeBody, http_1_0_clients_get_a_body_without_chunks_and_a_closed_connection) {
  Proxy proxy(1);
  MemoryStream& client = proxy.request("GET / HTTP/1.0\r\n\r\n");
  EXPECT_NE(proxy.answer(0, "HTTP/1.1 200 OK\r\nDate: now\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")
                .find("\r\nHost: b0\r\n"),
            std::string::npos);
  EXPECT_EQ(client.take(), "HTTP/1.1 200 OK\r\nDate: now\r\nConnection: close\r\n\r\nhello");
  EXPECT_EQ(client.peer_end(), End::closed);
}

TEST(ProxyExchangeBody, the_answer_to_head_has_no_body) {
  Proxy proxy(1);
  MemoryStream& client = proxy.request("HEAD / HTTP/1.1\r\nHost: h\r\n\r\n");
  proxy.answer(0, "HTTP/1.1 200 OK\r\nDate: now\r\nContent-Length: 5\r\n\r\n");
  EXPECT_EQ(client.take(), "HTTP/1.1 200 OK\r\nDate: now\r\nContent-Length: 5\r\n\r\n");
  proxy.send(client, kGet);
  proxy.answer(0, kOk);
  EXPECT_EQ(client.take(), kOk);
  EXPECT_EQ(proxy.connections(0), 2U) << "some backends send the body all the same";
}

// Before: the trailers of an answer stayed with its connection, and were sent to whoever got the next answer on it that
// had neither a length nor chunks.
TEST(ProxyExchangeBody, trailers_of_one_answer_do_not_appear_behind_the_next) {
  Proxy proxy(1);
  MemoryStream& first = proxy.request(kGet);
  proxy.answer(0, "HTTP/1.1 200 OK\r\nDate: now\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nSecret: x\r\n\r\n");
  EXPECT_NE(first.take().find("Secret: x"), std::string::npos);
  MemoryStream& second = proxy.request(kGet);
  ASSERT_EQ(proxy.connections(0), 1U);
  proxy.answer(0, "HTTP/1.1 200 OK\r\nDate: now\r\n\r\nb");
  proxy.transport.last(0).close();
  proxy.run();
  EXPECT_EQ(second.take(), "HTTP/1.1 200 OK\r\nDate: now\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nb\r\n0\r\n\r\n");
}

// Bytes behind an answer would become the answer to somebody else's request.
TEST(ProxyExchangeBody, a_connection_with_bytes_behind_its_answer_is_not_used_again) {
  Proxy proxy(1);
  MemoryStream& client = proxy.request(kGet);
  proxy.answer(0, kOk + "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison");
  EXPECT_EQ(client.take(), kOk);
  proxy.send(client, kGet);
  ASSERT_EQ(proxy.connections(0), 2U);
  proxy.answer(0, kOk);
  EXPECT_EQ(client.take(), kOk);
  // The same when they come while the connection idles.
  EXPECT_GT(proxy.transport.last(0).put("HTTP/1.1 408 x\r\n\r\n"), 0U);
  proxy.send(client, kGet);
  EXPECT_EQ(proxy.connections(0), 3U);
}

TEST(ProxyExchangeBody, stopping_closes_idle_connections_and_lets_requests_end) {
  Proxy proxy(1);
  MemoryStream& idle = proxy.request(kGet);
  proxy.answer(0, kOk);
  idle.take();
  proxy.pass(base::kDrainBusyConnection);
  MemoryStream& busy = proxy.request(kGet);
  proxy.world.sessions.drain();
  proxy.run();
  EXPECT_EQ(idle.peer_end(), End::closed);
  EXPECT_EQ(busy.peer_end(), std::nullopt);
  proxy.answer(0, kOk);
  EXPECT_NE(busy.take().find("Connection: close\r\n"), std::string::npos);
  EXPECT_EQ(busy.peer_end(), End::closed);
  EXPECT_EQ(proxy.world.tasks.size(), 0U);
}

// Before: the request that a busy client had just sent met a closed connection.
TEST(ProxyExchangeBody, stopping_waits_a_moment_for_the_next_request_of_a_busy_client) {
  Proxy proxy(1);
  MemoryStream& busy = proxy.request(kGet);
  MemoryStream& silent = proxy.request(kGet);
  for (const std::size_t connection : {0U, 1U}) proxy.send(*proxy.transport.backend(0).connections[connection], kOk);
  EXPECT_EQ(busy.take(), kOk);
  proxy.world.sessions.drain();
  proxy.run();
  EXPECT_EQ(busy.peer_end(), std::nullopt);
  proxy.send(busy, kGet);
  proxy.answer(0, kOk);
  EXPECT_NE(busy.take().find("Connection: close\r\n"), std::string::npos);
  proxy.pass(base::kDrainBusyConnection);
  proxy.pass(base::kWheelTick);
  EXPECT_EQ(silent.peer_end(), End::closed);
  EXPECT_EQ(proxy.world.tasks.size(), 0U);
}

}  // namespace
}  // namespace lb::proxy
