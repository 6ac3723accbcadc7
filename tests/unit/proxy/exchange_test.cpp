#include "proxy/exchange.hpp"

#include <string>

#include <gtest/gtest.h>

#include "support/memory_proxy.hpp"

namespace lb::proxy {
namespace {

using Answer = MemoryTransport::Answer;

TEST(ProxyExchange, a_get_is_proxied_with_the_fields_of_a_gateway) {
  Proxy proxy(1);
  MemoryStream& client = proxy.request("GET /a?b HTTP/1.1\r\nHost: h\r\nX: 1\r\n\r\n");
  EXPECT_EQ(proxy.answer(0, kOk),
            "GET /a?b HTTP/1.1\r\nHost: h\r\nX: 1\r\nX-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: http\r\n"
            "X-Forwarded-Host: h\r\nVia: 1.1 load-balancer\r\n\r\n");
  EXPECT_EQ(client.take(), kOk);
  EXPECT_EQ(client.peer_end(), std::nullopt) << "the connection goes on";
}

TEST(ProxyExchange, requests_of_one_client_alternate_between_two_backends) {
  Proxy proxy(2);
  MemoryStream& client = proxy.connect();
  for (std::size_t i = 0; i < 6; ++i) {
    proxy.send(client, kGet);
    proxy.answer(i % 2, kOk);
    EXPECT_EQ(client.take(), kOk) << i;
  }
  EXPECT_EQ(proxy.connections(0), 1U) << "connections are used again";
  EXPECT_EQ(proxy.connections(1), 1U);
}

TEST(ProxyExchange, pipelined_requests_are_answered_in_order) {
  Proxy proxy(2);
  MemoryStream& client = proxy.request(kGet + kPost + kGet);
  EXPECT_NE(proxy.answer(0, "HTTP/1.1 201 A\r\nContent-Length: 0\r\n\r\n").find("GET"), std::string::npos);
  EXPECT_NE(proxy.answer(1, "HTTP/1.1 202 B\r\nContent-Length: 0\r\n\r\n").find("\r\n\r\nbody"), std::string::npos);
  EXPECT_NE(proxy.answer(0, "HTTP/1.1 203 C\r\nContent-Length: 0\r\n\r\n").find("GET"), std::string::npos);
  const std::string answers = client.take();
  const std::size_t first = answers.find("201 A");
  const std::size_t second = answers.find("202 B");
  EXPECT_LT(first, second);
  EXPECT_LT(second, answers.find("203 C"));
  EXPECT_NE(answers.find("203 C"), std::string::npos);
}

TEST(ProxyExchange, a_refused_connection_goes_to_another_backend_for_any_method) {
  for (const std::string& request : {kGet, kPost}) {
    Proxy proxy(3);
    proxy.transport.backend(0).answer = Answer::refuse;
    proxy.transport.backend(1).answer = Answer::refuse;
    MemoryStream& client = proxy.request(request);
    proxy.answer(2, kOk);
    EXPECT_EQ(client.take(), kOk);
    EXPECT_EQ(proxy.transport.backend(0).attempts, 1U);
    EXPECT_EQ(proxy.transport.backend(1).attempts, 1U);
  }
}

TEST(ProxyExchange, all_refused_is_a_502_within_the_connect_timeout) {
  Proxy proxy(2);
  for (std::size_t i = 0; i < 2; ++i) proxy.transport.backend(i).answer = Answer::refuse;
  MemoryStream& client = proxy.request(kGet);
  proxy.pass(proxy.settings.connect_timeout);
  const std::string answer = client.take();
  EXPECT_EQ(status_of_text(answer), "502") << answer;
  EXPECT_NE(answer.find("Proxy-Status: load-balancer; error=connection_refused\r\n"), std::string::npos);
  EXPECT_EQ(proxy.transport.backend(0).attempts + proxy.transport.backend(1).attempts, 3U);
}

TEST(ProxyExchange, a_connect_that_hangs_goes_to_another_backend_after_the_connect_timeout) {
  Proxy proxy(2);
  proxy.transport.backend(0).answer = Answer::hang;
  MemoryStream& client = proxy.request(kGet);
  proxy.pass(Duration(1'990));
  EXPECT_EQ(proxy.connections(1), 0U);
  proxy.pass(Duration(30));
  ASSERT_EQ(proxy.connections(1), 1U);
  proxy.answer(1, kOk);
  EXPECT_EQ(client.take(), kOk);
}

TEST(ProxyExchange, a_get_is_repeated_on_another_backend_when_the_first_resets_before_its_answer) {
  for (const End how : {End::closed, End::reset}) {
    Proxy proxy(2);
    MemoryStream& client = proxy.request(kGet);
    const std::string first = proxy.transport.last(0).take();
    how == End::closed ? proxy.transport.last(0).close() : proxy.transport.last(0).abort();
    EXPECT_EQ(proxy.answer(1, kOk), first) << "every attempt is identical";
    EXPECT_EQ(client.take(), kOk);
  }
}

TEST(ProxyExchange, a_post_is_not_repeated_once_it_was_written) {
  for (const End how : {End::closed, End::reset}) {
    Proxy proxy(2);
    MemoryStream& client = proxy.request(kPost);
    proxy.transport.last(0).take();
    how == End::closed ? proxy.transport.last(0).close() : proxy.transport.last(0).abort();
    proxy.pass(Duration(1'000));
    EXPECT_EQ(status_of_text(client.take()), "502");
    EXPECT_EQ(proxy.transport.backend(0).attempts, 1U);
    EXPECT_EQ(proxy.transport.backend(1).attempts, 0U) << "the backend saw it once";
  }
}

TEST(ProxyExchange, a_put_with_its_body_is_repeated_whole) {
  Proxy proxy(2);
  MemoryStream& client = proxy.connect();
  proxy.send(client, "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n01234");
  proxy.send(client, "56789");
  const std::string first = proxy.transport.last(0).take();
  EXPECT_TRUE(first.ends_with("\r\n\r\n0123456789"));
  proxy.transport.last(0).abort();
  EXPECT_EQ(proxy.answer(1, kOk), first);
  EXPECT_EQ(client.take(), kOk);
}

TEST(ProxyExchange, an_answer_that_is_not_http_is_retried_for_get_and_502_for_post) {
  Proxy proxy(2);
  MemoryStream& client = proxy.request(kGet);
  proxy.answer(0, "SSH-2.0-OpenSSH_9.2\r\n");
  proxy.answer(1, kOk);
  EXPECT_EQ(client.take(), kOk);
  proxy.send(client, kPost);
  proxy.answer(0, "SSH-2.0-OpenSSH_9.2\r\n");
  EXPECT_EQ(status_of_text(client.take()), "502");
}

TEST(ProxyExchange, no_answer_within_the_timeout_is_retried_for_get_and_504_for_post) {
  Proxy proxy(2);
  MemoryStream& client = proxy.request(kPost);
  proxy.pass(Duration(29'990));
  EXPECT_EQ(client.take(), "");
  proxy.pass(Duration(30));
  EXPECT_EQ(status_of_text(client.take()), "504");
  proxy.send(client, kGet);
  ASSERT_EQ(proxy.connections(1), 1U);
  proxy.pass(Duration(30'020));
  proxy.answer(0, kOk);
  EXPECT_EQ(client.take(), kOk);
}

TEST(ProxyExchange, every_attempt_timed_out_is_a_504) {
  Proxy proxy(3);
  MemoryStream& client = proxy.request(kGet);
  proxy.pass(Duration(90'100));
  EXPECT_EQ(status_of_text(client.take()), "504");
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(proxy.transport.backend(i).attempts, 1U);
}

// Goal: a pooled connection that the backend closes in the same moment costs nothing. Method: it is closed only after
// the request is on its way, more often than a request has attempts.
TEST(ProxyExchange, a_stale_connection_is_replaced_without_counting_against_anybody) {
  TestSettings settings = test_settings();
  settings.attempts = 1;
  Proxy proxy(1, settings, 1);
  MemoryStream& client = proxy.request(kGet);
  proxy.answer(0, kOk);
  EXPECT_EQ(client.take(), kOk);
  for (int round = 0; round < 5; ++round) {
    proxy.send(client, kGet);
    EXPECT_NE(proxy.transport.last(0).take(), "") << "the pooled connection is used";
    proxy.transport.last(0).close();
    proxy.answer(0, kOk);
    EXPECT_EQ(client.take(), kOk) << round;
  }
  EXPECT_TRUE(proxy.cluster.endpoint(0).is_up());
  EXPECT_EQ(proxy.connections(0), 6U);
}

TEST(ProxyExchange, a_post_on_a_stale_connection_is_not_repeated_once_written) {
  Proxy proxy(1);
  MemoryStream& client = proxy.request(kGet);
  proxy.answer(0, kOk);
  client.take();
  proxy.send(client, kPost);
  proxy.transport.last(0).take();
  proxy.transport.last(0).close();
  proxy.run();
  EXPECT_EQ(status_of_text(client.take()), "502");
  EXPECT_EQ(proxy.connections(0), 1U);
}

TEST(ProxyExchange, a_pooled_connection_that_was_closed_while_idle_is_not_used) {
  Proxy proxy(1);
  MemoryStream& client = proxy.request(kGet);
  proxy.answer(0, kOk);
  proxy.transport.last(0).close();
  proxy.send(client, kPost);
  ASSERT_EQ(proxy.connections(0), 2U);
  proxy.answer(0, kOk);
  EXPECT_EQ(client.take(), kOk + kOk);
}

TEST(ProxyExchange, a_backend_is_down_after_failures_in_a_row_and_gets_no_more_traffic) {
  Proxy proxy(2);
  for (int failure = 0; failure < 3; ++failure) {
    EXPECT_TRUE(proxy.cluster.endpoint(0).is_up());
    MemoryStream& client = proxy.request(kGet);
    proxy.transport.last(0).take();
    proxy.transport.last(0).abort();
    proxy.answer(1, kOk);
    EXPECT_EQ(client.take(), kOk);
  }
  EXPECT_FALSE(proxy.cluster.endpoint(0).is_up());
  for (int i = 0; i < 4; ++i) {
    MemoryStream& client = proxy.request(kGet);
    proxy.answer(1, kOk);
    EXPECT_EQ(client.take(), kOk);
  }
  EXPECT_EQ(proxy.transport.backend(0).attempts, 3U);
}

TEST(ProxyExchange, with_all_down_a_backend_that_answers_comes_back) {
  Proxy proxy(2);
  for (std::size_t i = 0; i < 2; ++i) proxy.cluster.record_check(proxy.cluster.endpoint(i), false, "refused");
  proxy.transport.backend(0).answer = Answer::refuse;
  MemoryStream& client = proxy.request(kGet);
  proxy.answer(1, kOk);
  EXPECT_EQ(client.take(), kOk);
  EXPECT_FALSE(proxy.cluster.endpoint(0).is_up());
  EXPECT_TRUE(proxy.cluster.endpoint(1).is_up());
}

TEST(ProxyExchange, with_all_down_and_silent_the_answer_comes_within_the_connect_timeout) {
  Proxy proxy(3);
  for (std::size_t i = 0; i < 3; ++i) {
    proxy.cluster.record_check(proxy.cluster.endpoint(i), false, "refused");
    proxy.transport.backend(i).answer = Answer::hang;
  }
  MemoryStream& client = proxy.request(kGet);
  proxy.pass(proxy.settings.connect_timeout + 2 * base::kWheelTick);
  EXPECT_EQ(status_of_text(client.take()), "502");
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(proxy.transport.backend(i).attempts, 1U);
}

TEST(ProxyExchange, a_lack_of_our_own_is_a_503_and_no_fault_of_the_backend) {
  Proxy proxy(1, test_settings(), 1);
  proxy.transport.backend(0).answer = Answer::no_resources;
  MemoryStream& client = proxy.request(kGet);
  proxy.pass(proxy.settings.connect_timeout + Duration(200));
  const std::string answer = client.take();
  EXPECT_EQ(status_of_text(answer), "503");
  EXPECT_NE(answer.find("Retry-After: "), std::string::npos);
  EXPECT_TRUE(proxy.cluster.endpoint(0).is_up());
}

TEST(ProxyExchange, a_request_waits_for_a_descriptor_as_long_as_for_a_connection) {
  Proxy proxy(1);
  proxy.transport.backend(0).answer = Answer::no_resources;
  MemoryStream& client = proxy.request(kPost);
  proxy.pass(Duration(1'500));
  EXPECT_EQ(client.take(), "");
  proxy.transport.backend(0).answer = Answer::accept;
  proxy.pass(Duration(100));
  ASSERT_EQ(proxy.connections(0), 1U);
  proxy.answer(0, kOk);
  EXPECT_EQ(client.take(), kOk);
}

TEST(ProxyExchange, a_client_that_leaves_cancels_the_exchange_and_blames_nobody) {
  for (const End how : {End::closed, End::reset}) {
    Proxy proxy(2, test_settings(), 1);
    MemoryStream& client = proxy.request(kGet);
    proxy.transport.last(0).take();
    how == End::closed ? client.close() : client.abort();
    proxy.pass(Duration(100));
    EXPECT_NE(proxy.transport.last(0).peer_end(), std::nullopt) << "the backend is let go";
    EXPECT_EQ(proxy.transport.backend(1).attempts, 0U) << "nothing is repeated";
    EXPECT_TRUE(proxy.cluster.endpoint(0).is_up());
    EXPECT_EQ(proxy.world.tasks.size(), 0U);
  }
}

TEST(ProxyExchange, a_request_that_cannot_be_read_is_refused_and_the_connection_closed) {
  Proxy proxy(1);
  MemoryStream& client = proxy.request("GET / HTTP/1.1\r\nHost : h\r\n\r\n");
  const std::string answer = client.take();
  EXPECT_EQ(status_of_text(answer), "400");
  EXPECT_NE(answer.find("Connection: close\r\n"), std::string::npos);
  proxy.pass(base::kLingerTime + Duration(20));
  EXPECT_EQ(client.peer_end(), End::closed);
  EXPECT_EQ(proxy.transport.backend(0).attempts, 0U);
}

}  // namespace
}  // namespace lb::proxy
