// Request bodies and repetition: what is kept for another attempt, and what is not.
#include <cstdio>
#include <string>

#include <gtest/gtest.h>

#include "support/balancer.hpp"

namespace lb::e2e {
namespace {

using namespace lb::support;  // NOLINT(google-build-using-namespace): the vocabulary of these tests
using Connection = ScriptedBackend::Connection;

// Not periodic in any power of two, so that a piece in the wrong place shows.
std::string pattern(std::size_t size) {
  std::string bytes(size, '\0');
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>('a' + i % 23);
  return bytes;
}

void close_after_request(Connection& connection) {
  static_cast<void>(connection.read_request());
}

// Goal: a body of up to 64 KiB arrives whole at the second backend. Method: sizes up to the bound, the last one exactly
// at it, under both framings; the first backend reads all of it and closes.
TEST(RetryBody, up_to_the_bound_is_replayed_whole) {
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{20'000}, std::size_t{64 * 1024}}) {
    for (const bool chunked : {false, true}) {
      ScriptedBackend bad(&close_after_request);
      ScriptedBackend good(always(ok("good")));
      Balancer balancer({.backends = {&bad, &good}});
      const std::string body = pattern(size);
      std::string text = request("PUT", body);
      if (chunked) {
        text = "PUT / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n";
        for (std::size_t at = 0; at < size; at += 5000) {
          const std::string piece = body.substr(at, 5000);
          char line[16];
          std::snprintf(line, sizeof line, "%zx\r\n", piece.size());
          text += line + piece + "\r\n";
        }
        text += "0\r\nX-Trailer: t\r\n\r\n";
      }
      EXPECT_EQ(ask_once(balancer, text).body, "good") << size << (chunked ? " chunked" : "");
      ASSERT_EQ(good.request_count(), 1U);
      EXPECT_TRUE(good.requests()[0].message.body == body) << size << (chunked ? " chunked" : "");
      EXPECT_TRUE(bad.requests()[0].message.body == body);
      EXPECT_EQ(good.requests()[0].message.trailers, chunked ? "X-Trailer: t\r\n" : "");
    }
  }
}

// Goal: a longer body streams on but cannot be repeated. Method: 200 KiB to a backend that reads all of it and closes;
// the other one must never see a part of it.
TEST(RetryBody, above_the_bound_is_not_repeated) {
  ScriptedBackend bad(&close_after_request);
  ScriptedBackend good(always(ok("good")));
  Balancer balancer({.backends = {&bad, &good}});
  const std::string body = pattern(200 * 1024);
  EXPECT_EQ(ask_once(balancer, request("PUT", body)).status(), 502);
  EXPECT_TRUE(bad.requests()[0].message.body == body);
  EXPECT_EQ(good.request_count(), 0U);
}

// Goal: a body of any length still goes elsewhere when nothing of it was sent. Method: the first port is closed.
TEST(RetryBody, of_any_length_survives_a_refused_connect) {
  ScriptedBackend bad(always(ok("bad")));
  ScriptedBackend good(always(ok("good")));
  Balancer balancer({.backends = {&bad, &good}});
  bad.stop();
  const std::string body = pattern(1024 * 1024);
  EXPECT_EQ(ask_once(balancer, request("POST", body)).body, "good");
  EXPECT_TRUE(good.requests()[0].message.body == body);
}

// Goal: a backend that fails in the middle of a body within the bound leaves a request that can be repeated, although
// the client has not sent all of it yet. Method: the client sends a half, the first backend goes after it, then the
// other half.
TEST(RetryBody, half_sent_is_replayed_and_continued_elsewhere) {
  ScriptedBackend bad([](Connection& connection) {
    if (connection.read_request_head()) static_cast<void>(connection.read_exactly(5));
  });
  ScriptedBackend good(always(ok("good")));
  Balancer balancer({.backends = {&bad, &good}});
  Client client(balancer);
  client.send("PUT / HTTP/1.1\r\nHost: test\r\nContent-Length: 10\r\n\r\n12345");
  ASSERT_TRUE(good.wait_for_requests(1));
  client.send("67890");
  EXPECT_EQ(client.read_response().body, "good");
  EXPECT_EQ(good.requests()[0].message.body, "1234567890");
}

// Goal: "body_bytes" of [retry] is that bound. Method: 0 turns replays of bodies off; without a body GET is still
// repeated.
TEST(RetryBody, bound_is_a_key) {
  ScriptedBackend bad(&close_after_request);
  ScriptedBackend good(always(ok("good")));
  Balancer balancer({.backends = {&bad, &good}, .toml = "[retry]\nbody_bytes = \"0B\"\n"});
  EXPECT_EQ(ask_once(balancer, request("PUT", "x")).status(), 502);
  EXPECT_EQ(good.request_count(), 0U);
  EXPECT_EQ(ask_once(balancer, get()).body, "good");
  EXPECT_EQ(ask_once(balancer, get()).body, "good");
  EXPECT_EQ(bad.request_count(), 2U);
}

}  // namespace
}  // namespace lb::e2e
