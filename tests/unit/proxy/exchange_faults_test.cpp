// Failures at every byte, and slices of one byte: the client gets the whole answer, or sees that it has none.
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "http/chunked.hpp"
#include "http/h1_parser.hpp"
#include "support/memory_proxy.hpp"

namespace lb::proxy {
namespace {

const std::string kCounted = "HTTP/1.1 200 OK\r\nDate: now\r\nContent-Length: 5\r\n\r\nhello";
const std::string kChunked =
    "HTTP/1.1 200 OK\r\nDate: now\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\nT: x\r\n\r\n";
const std::string kInterim = "HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n" + kCounted;
const std::string kUntilClose = "HTTP/1.1 200 OK\r\nDate: now\r\n\r\nhello";

// What a client makes of the bytes it got.
struct Understood {
  unsigned status = 0;
  std::string body;
  bool complete = false;
};

Understood understand(std::string bytes, std::optional<End> end) {
  Understood result;
  for (;;) {
    http::HeadParser parser(http::HeadParser::Kind::response, {32 * 1024, 100});
    if (bytes.empty() || parser.feed(bytes) != http::HeadParser::Progress::complete) return result;
    http::ResponseHead head;
    if (!parser.cut_response(bytes, head)) return result;
    const std::string rest = bytes.substr(parser.head_bytes());
    const auto framing = http::response_framing(head, http::Method::get);
    if (!framing) return result;
    result.status = head.status;
    if (head.status < 200) {
      bytes = rest;
      continue;
    }
    switch (framing->kind) {
      case http::BodyKind::none:
        result.complete = true;
        return result;
      case http::BodyKind::length:
        result.body = rest.substr(0, framing->length);
        result.complete = rest.size() >= framing->length;
        EXPECT_LE(rest.size(), framing->length) << "bytes behind the answer";
        return result;
      case http::BodyKind::until_close:
        result.body = rest;
        result.complete = end == End::closed;
        return result;
      case http::BodyKind::chunked: {
        http::ChunkedDecoder decoder;
        decoder.reset(10);
        for (std::string_view left = rest; !left.empty() && !result.complete;) {
          const auto step = decoder.next(left);
          EXPECT_TRUE(step) << rest;
          if (!step) return result;
          result.body += step->data;
          result.complete = step->event == http::ChunkedDecoder::Event::end;
          left.remove_prefix(step->consumed);
          if (result.complete) {
            EXPECT_EQ(left, "") << "bytes behind the answer";
          }
        }
        return result;
      }
    }
  }
}

struct Fault {
  std::string answer;
  End how;
  std::size_t slice;
  std::string version;
};

// One request whose first backend fails after `bytes` of its answer; the second one answers "other".
void fail_after(const Fault& fault, std::size_t bytes, bool is_get) {
  SCOPED_TRACE(fault.answer.substr(0, bytes));
  SCOPED_TRACE(std::string(fault.how == End::closed ? "closed" : "reset") + ", slices of " +
               std::to_string(fault.slice) + ", " + fault.version + (is_get ? " GET" : " POST"));
  Proxy proxy(2);
  proxy.transport.backend(0).options.read_slice = fault.slice;
  MemoryStream& client = proxy.connect({fault.slice, 64 * 1024});
  proxy.send(client, (is_get ? "GET / " : "POST / ") + fault.version + "\r\nHost: h\r\n" +
                         (is_get ? "\r\n" : "Content-Length: 2\r\n\r\nxy"));
  ASSERT_EQ(proxy.connections(0), 1U);
  EXPECT_NE(proxy.transport.last(0).take(), "");
  proxy.send(proxy.transport.last(0), fault.answer.substr(0, bytes));
  fault.how == End::closed ? proxy.transport.last(0).close() : proxy.transport.last(0).abort();
  proxy.run();
  const bool repeated = proxy.connections(1) == 1;
  if (repeated) proxy.answer(1, "HTTP/1.1 200 OK\r\nDate: now\r\nContent-Length: 7\r\n\r\nanother");
  // The client has got everything by now, without time passing.
  const std::optional<End> end = client.peer_end();
  const Understood got = understand(client.take(), end);
  if (repeated) {
    EXPECT_TRUE(is_get) << "only what may be repeated";
    EXPECT_TRUE(got.complete);
    EXPECT_EQ(got.body, "another") << "nothing of the first attempt";
    return;
  }
  if (!got.complete) {
    EXPECT_NE(end, std::nullopt) << "the client is not left waiting";
    EXPECT_TRUE(std::string("hello").starts_with(got.body));
    return;
  }
  if (got.status == 200) {
    EXPECT_EQ(got.body, "hello") << "complete and wrong";
    return;
  }
  EXPECT_FALSE(is_get) << "a GET is repeated";
  EXPECT_EQ(got.status, 502U);
}

TEST(ProxyExchangeFaults, a_failure_at_every_byte_of_the_answer_is_retried_or_cut_but_never_a_wrong_answer) {
  for (const std::string& answer : {kCounted, kChunked, kInterim, kUntilClose}) {
    for (const End how : {End::closed, End::truncated, End::reset}) {
      // Without a length the orderly end is the end of the answer, wherever it comes in the body.
      const bool any_end_is_good = answer == kUntilClose && how == End::closed;
      for (const std::size_t slice : {std::size_t{1}, SIZE_MAX}) {
        for (const std::string version : {"HTTP/1.1", "HTTP/1.0"}) {
          const std::size_t last = any_end_is_good ? answer.find("\r\n\r\n") + 3 : answer.size();
          for (std::size_t bytes = 0; bytes <= last; ++bytes) {
            fail_after({answer, how, slice, version}, bytes, true);
            fail_after({answer, how, slice, version}, bytes, false);
            if (testing::Test::HasFailure()) return;
          }
        }
      }
    }
  }
}

// Goal: a slow or broken client costs nothing but its own answer. Method: it leaves after each byte of its request, and
// of the answer.
TEST(ProxyExchangeFaults, a_client_that_leaves_at_any_byte_ends_its_exchange_alone) {
  const std::string request = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbody";
  for (const End how : {End::closed, End::reset}) {
    for (std::size_t bytes = 0; bytes <= request.size(); ++bytes) {
      Proxy proxy(2, test_settings(), 1);
      MemoryStream& client = proxy.connect({1, 64 * 1024});
      proxy.send(client, request.substr(0, bytes));
      how == End::closed ? client.close() : client.abort();
      proxy.pass(Duration(100));
      EXPECT_EQ(proxy.world.tasks.size(), 0U) << bytes;
      EXPECT_TRUE(proxy.cluster.endpoint(0).is_up()) << bytes;
      EXPECT_EQ(proxy.transport.backend(1).attempts, 0U) << bytes;
    }
  }
}

// Goal: of a client that is gone nothing else is served. Method: it has sent two requests, and leaves while the answer
// to the first one fills its buffers; the second one stands in ours.
TEST(ProxyExchangeFaults, a_client_that_left_in_its_answer_has_no_next_request) {
  for (const End how : {End::closed, End::reset}) {
    Proxy proxy(2);
    MemoryStream& client = proxy.connect({SIZE_MAX, 100});
    proxy.send(client, kGet + "GET /2 HTTP/1.1\r\nHost: h\r\n\r\n");
    proxy.answer(0, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + std::string(1000, 'x'));
    proxy.pass(Duration(100));
    how == End::closed ? client.close() : client.abort();
    proxy.pass(Duration(100));
    EXPECT_EQ(proxy.world.tasks.size(), 0U);
    EXPECT_EQ(proxy.transport.backend(0).attempts + proxy.transport.backend(1).attempts, 1U);
  }
}

// Goal: the size of reads means nothing. Method: one byte at a time everywhere, through pipes of a few bytes.
TEST(ProxyExchangeFaults, slices_of_one_byte_in_all_directions_change_nothing) {
  for (const std::size_t slice : {1U, 2U, 7U}) {
    for (const std::size_t capacity : {1U, 5U, 100U}) {
      Proxy proxy(1);
      proxy.transport.backend(0).options = {slice, capacity};
      MemoryStream& client = proxy.connect({slice, capacity});
      std::string to_send =
          "POST /1 HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4\r\ndefg\r\n0\r\nT: u\r\n\r\n"
          "GET /2 HTTP/1.1\r\nHost: h\r\n\r\n";
      std::vector<std::string> answers{kChunked, kCounted};
      std::string at_client;
      std::string at_backend;
      std::string from_backend;
      for (int round = 0; round < 20'000 && at_client.find("Content-Length: 5\r\n\r\nhello") == std::string::npos;
           ++round) {
        to_send.erase(0, client.put(to_send));
        proxy.run();
        at_client += client.take();
        if (proxy.connections(0) == 0) continue;
        MemoryStream& backend = proxy.transport.last(0);
        at_backend += backend.take();
        const bool whole = answers.size() == 2
                               ? at_backend.find("0\r\nT: u\r\n\r\n") != std::string::npos
                               : at_backend.find("GET /2") != std::string::npos && at_backend.ends_with("\r\n\r\n");
        if (whole && !answers.empty()) {
          from_backend += answers.front();
          answers.erase(answers.begin());
        }
        from_backend.erase(0, backend.put(from_backend));
        proxy.run();
      }
      EXPECT_EQ(to_send, "");
      EXPECT_EQ(proxy.connections(0), 1U);
      const std::size_t second = at_client.find("HTTP/1.1 200 OK", 1);
      ASSERT_NE(second, std::string::npos) << at_client;
      EXPECT_EQ(understand(at_client.substr(0, second), std::nullopt).body, "hello");
      EXPECT_NE(at_client.find("\r\nT: x\r\n\r\nHTTP/1.1"), std::string::npos) << "trailers are passed on";
      EXPECT_EQ(understand(at_client.substr(second), std::nullopt).body, "hello");
      // The body in whatever chunks, then its trailer.
      const std::size_t body = at_backend.find("\r\n\r\n") + 4;
      http::ChunkedDecoder decoder;
      decoder.reset(10);
      std::string decoded;
      for (std::string_view left = std::string_view(at_backend).substr(body);;) {
        const auto step = decoder.next(left);
        ASSERT_TRUE(step);
        decoded += step->data;
        left.remove_prefix(step->consumed);
        if (step->event == http::ChunkedDecoder::Event::end) break;
        ASSERT_FALSE(left.empty());
      }
      EXPECT_EQ(decoded, "abcdefg");
      EXPECT_EQ(decoder.trailers(), "T: u\r\n");
    }
  }
}

}  // namespace
}  // namespace lb::proxy
