// Attempts that fail while the request's body is still on its way, and who is blamed for them.
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "http/chunked.hpp"
#include "support/memory_proxy.hpp"

namespace lb::proxy {
namespace {

using Answer = MemoryTransport::Answer;

// The body of a request as a backend received it.
std::string body_of(const std::string& request) {
  const std::size_t at = request.find("\r\n\r\n");
  if (at == std::string::npos) return "no head";
  const std::string rest = request.substr(at + 4);
  if (request.find("Transfer-Encoding: chunked\r\n") == std::string::npos) return rest;
  http::ChunkedDecoder decoder;
  decoder.reset(10);
  std::string body;
  for (std::string_view left = rest; !left.empty();) {
    const auto step = decoder.next(left);
    if (!step) return "broken chunks";
    body += step->data;
    left.remove_prefix(step->consumed);
    if (step->event == http::ChunkedDecoder::Event::end) return left.empty() ? body : "bytes behind the body";
  }
  return "no end: " + body;
}

// Goal: nothing of a body is lost or doubled when its attempt fails under way. Method: the client sends the first
// `sent` bytes, the backend fails, the rest follows; for each number of bytes, both framings, and several slices.
TEST(ProxyExchangeRetry, a_body_is_repeated_whole_wherever_the_attempt_fails) {
  const std::string counted = "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 8\r\n\r\nabcdefgh";
  const std::string chunked =
      "PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n5\r\ndefgh\r\n0\r\n\r\n";
  for (const std::string& request : {counted, chunked}) {
    for (const std::size_t slice : {std::size_t{1}, std::size_t{3}, SIZE_MAX}) {
      for (std::size_t sent = request.find("\r\n\r\n") + 4; sent <= request.size(); ++sent) {
        Proxy proxy(2);
        MemoryStream& client = proxy.connect({slice, 64 * 1024});
        proxy.transport.backend(0).options.read_slice = slice;
        proxy.send(client, request.substr(0, sent));
        ASSERT_EQ(proxy.connections(0), 1U);
        proxy.transport.last(0).take();
        proxy.transport.last(0).abort();
        proxy.run();
        proxy.send(client, request.substr(sent));
        // The failure shows at the latest with the next bytes that are written.
        proxy.pass(base::kLingerTime + Duration(20));
        ASSERT_EQ(proxy.connections(1), 1U) << sent;
        EXPECT_EQ(body_of(proxy.answer(1, kOk)), "abcdefgh") << sent << " in slices of " << slice;
        EXPECT_EQ(client.take(), kOk);
      }
    }
  }
}

// Before: whether the body was kept was looked at before the last bytes of the attempt had come in. They outgrew the
// buffer, and the next backend got the request without its beginning.
TEST(ProxyExchangeRetry, a_body_that_outgrows_the_buffer_while_its_attempt_fails_is_not_repeated) {
  TestSettings settings = test_settings();
  settings.replay_bytes = 100;
  Proxy proxy(2, settings);
  MemoryStream& client = proxy.request("PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n32\r\n" +
                                       std::string(50, 'a') + "\r\n");
  proxy.transport.last(0).take();
  // Both in one turn of the event loop.
  proxy.transport.last(0).abort();
  proxy.send(client, "3c\r\n" + std::string(60, 'b') + "\r\n0\r\n\r\n");
  EXPECT_EQ(proxy.transport.backend(1).attempts, 0U);
  EXPECT_EQ(status_of_text(client.take()), "502");
}

TEST(ProxyExchangeRetry, a_post_whose_body_is_on_its_way_is_sent_once) {
  Proxy proxy(2);
  MemoryStream& client = proxy.request("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 8\r\n\r\nabcd");
  proxy.transport.last(0).take();
  proxy.transport.last(0).abort();
  proxy.send(client, "efgh");
  proxy.pass(base::kLingerTime + Duration(20));
  EXPECT_EQ(status_of_text(client.take()), "502");
  EXPECT_EQ(proxy.transport.backend(1).attempts, 0U);
}

TEST(ProxyExchangeRetry, a_post_that_reached_no_backend_keeps_its_body_for_the_next) {
  Proxy proxy(3);
  proxy.transport.backend(0).answer = Answer::refuse;
  proxy.transport.backend(1).answer = Answer::hang;
  MemoryStream& client = proxy.request("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 8\r\n\r\nabcd");
  proxy.pass(Duration(1'000));
  proxy.send(client, "efgh");
  proxy.pass(Duration(1'100));
  ASSERT_EQ(proxy.connections(2), 1U);
  EXPECT_EQ(body_of(proxy.answer(2, kOk)), "abcdefgh");
  EXPECT_EQ(client.take(), kOk);
}

TEST(ProxyExchangeRetry, a_backend_that_takes_no_body_times_out_and_is_blamed) {
  Proxy proxy(1, test_settings(), 1);
  proxy.transport.backend(0).options.capacity = 10;
  MemoryStream& client = proxy.request(kPost);
  proxy.pass(Duration(19'980));
  EXPECT_EQ(client.take(), "");
  proxy.pass(Duration(40));
  EXPECT_EQ(status_of_text(client.take()), "504");
  EXPECT_FALSE(proxy.cluster.endpoint(0).is_up());
}

// A backend may refuse a large body and close before it has come; its answer is what the client wants to know.
TEST(ProxyExchangeRetry, an_answer_before_the_end_of_the_body_wins_over_the_write_that_fails) {
  Proxy proxy(1, test_settings(), 1);
  MemoryStream& client = proxy.request("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\nabcd");
  MemoryStream& backend = proxy.transport.last(0);
  backend.take();
  EXPECT_GT(backend.put("HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n"), 0U);
  backend.end_output();
  proxy.send(client, "efgh");
  EXPECT_EQ(status_of_text(client.take()), "413");
  EXPECT_TRUE(proxy.cluster.endpoint(0).is_up());
}

TEST(ProxyExchangeRetry, only_when_all_were_tried_does_one_come_again_after_a_pause) {
  Proxy proxy(2, test_settings(), 10);
  MemoryStream& client = proxy.request(kGet);
  for (std::size_t i = 0; i < 2; ++i) {
    proxy.transport.last(i).take();
    proxy.transport.last(i).abort();
    proxy.run();
  }
  EXPECT_EQ(proxy.connections(0), 1U) << "not at once";
  proxy.pass(2 * base::kRetryPause);
  ASSERT_EQ(proxy.connections(0), 2U);
  proxy.answer(0, kOk);
  EXPECT_EQ(client.take(), kOk);
}

TEST(ProxyExchangeRetry, a_single_backend_is_tried_as_often_as_the_setting_says) {
  for (const unsigned attempts : {1U, 2U, 3U, 5U}) {
    TestSettings settings = test_settings();
    settings.attempts = attempts;
    Proxy proxy(1, settings, 100);
    MemoryStream& client = proxy.request(kGet);
    for (std::size_t attempt = 1; attempt <= attempts; ++attempt) {
      ASSERT_EQ(proxy.connections(0), attempt);
      proxy.transport.last(0).take();
      proxy.transport.last(0).abort();
      proxy.pass(Duration(3'000));
    }
    EXPECT_EQ(status_of_text(client.take()), "502");
    EXPECT_EQ(proxy.connections(0), attempts);
  }
}

TEST(ProxyExchangeRetry, a_connection_goes_on_after_an_error_page_where_the_request_was_read_whole) {
  Proxy proxy(1, test_settings(), 100);
  MemoryStream& client = proxy.request(kPost);
  proxy.transport.last(0).take();
  proxy.transport.last(0).abort();
  proxy.run();
  const std::string page = client.take();
  EXPECT_EQ(status_of_text(page), "502");
  EXPECT_EQ(page.find("Connection: close"), std::string::npos);
  proxy.send(client, kGet);
  proxy.answer(0, kOk);
  EXPECT_EQ(client.take(), kOk);
}

TEST(ProxyExchangeRetry, an_error_page_is_json_where_the_client_asks_for_it_and_has_no_body_for_head) {
  Proxy proxy(1, test_settings(), 100);
  proxy.transport.backend(0).answer = Answer::refuse;
  MemoryStream& json = proxy.request("GET / HTTP/1.1\r\nHost: h\r\nAccept: text/html, application/json\r\n\r\n");
  MemoryStream& head = proxy.request("HEAD / HTTP/1.1\r\nHost: h\r\n\r\n");
  proxy.pass(Duration(1'000));
  const std::string page = json.take();
  EXPECT_NE(page.find("Content-Type: application/json\r\n"), std::string::npos);
  EXPECT_NE(page.find("\"status\":502"), std::string::npos);
  EXPECT_TRUE(head.take().ends_with("\r\n\r\n"));
}

TEST(ProxyExchangeRetry, a_success_between_failures_keeps_a_backend_up) {
  Proxy proxy(1, test_settings(), 3);
  for (int round = 0; round < 4; ++round) {
    for (int failure = 0; failure < 2; ++failure) {
      MemoryStream& client = proxy.request(kPost);
      proxy.transport.last(0).take();
      proxy.transport.last(0).abort();
      proxy.run();
      EXPECT_EQ(status_of_text(client.take()), "502");
    }
    MemoryStream& client = proxy.request(kPost);
    proxy.answer(0, kOk);
    EXPECT_EQ(client.take(), kOk);
    EXPECT_TRUE(proxy.cluster.endpoint(0).is_up());
    static_cast<void>(
        proxy.handler.pool().take(proxy.cluster.endpoint(0)));  // the next request makes a connection of its own
  }
}

TEST(ProxyExchangeRetry, a_failed_connect_asks_for_a_fresh_lookup_of_that_name) {
  Proxy proxy(2);
  struct Asked {
    void ask(std::uint32_t slot) noexcept { slots.push_back(slot); }
    std::vector<std::uint32_t> slots;
  } asked;
  proxy.handler.on_connect_failed(base::Callback<void(std::uint32_t)>::to<&Asked::ask>(asked));
  proxy.transport.backend(0).answer = Answer::refuse;
  MemoryStream& client = proxy.request(kGet);
  proxy.answer(1, kOk);
  EXPECT_EQ(client.take(), kOk);
  EXPECT_EQ(asked.slots, std::vector<std::uint32_t>{0});
}

// Goal: an outage does not multiply itself: a request that reaches nobody knocks at so many backends and no more,
// whether they are up or tried as a last resort. Method: fifty that refuse, of each method; then all are down.
TEST(ProxyExchangeRetry, a_request_that_reaches_nobody_knocks_at_a_few_backends) {
  constexpr std::size_t kBackends = 50;
  Proxy proxy(kBackends, test_settings(), 1);
  for (std::size_t i = 0; i < kBackends; ++i) proxy.transport.backend(i).answer = Answer::refuse;
  const auto knocks = [&] {
    std::size_t sum = 0;
    for (std::size_t i = 0; i < kBackends; ++i) sum += proxy.transport.backend(i).attempts;
    return sum;
  };
  for (std::size_t request = 1; request <= 20; ++request) {
    MemoryStream& client = proxy.request(request % 2 == 0 ? kGet : kPost);
    proxy.pass(Duration(10'000));
    EXPECT_EQ(status_of_text(client.take()), "502");
    EXPECT_EQ(knocks(), request * base::kKnocksMax);
  }
}

}  // namespace
}  // namespace lb::proxy
