// The retry table of the contract: what is tried again after which failure, with what each backend saw of it.
#include <functional>
#include <string>

#include <gtest/gtest.h>

#include "support/balancer.hpp"

namespace lb::e2e {
namespace {

using namespace lb::support;  // NOLINT(google-build-using-namespace): the vocabulary of these tests
using Connection = ScriptedBackend::Connection;

const std::string kPost = request("POST", "body");

// The first backend fails in one way, the second is well; a request of a fresh balancer goes to the first.
struct Pair {
  explicit Pair(ScriptedBackend::Script failing, std::string toml = "")
      : bad(std::move(failing)),
        good(always(ok("good"))),
        balancer({.backends = {&bad, &good}, .toml = std::move(toml)}) {}

  ScriptedBackend bad;
  ScriptedBackend good;
  Balancer balancer;
};

void close_after_request(Connection& connection) {
  static_cast<void>(connection.read_request());
}

void reset_after_request(Connection& connection) {
  if (connection.read_request()) connection.reset();
}

void answer_garbage(Connection& connection) {
  if (connection.read_request()) connection.send("SSH-2.0-OpenSSH_9.2p1\r\n\r\n");
}

void say_nothing(Connection& connection) {
  if (connection.read_request()) static_cast<void>(connection.wait_ended());
}

// Goal: nothing was sent, so any method goes on to the next backend. Method: the port closes after the first round of
// checks, so that the balancer still believes in it.
TEST(RetryTable, refused_connect_is_tried_elsewhere_for_any_method) {
  for (const std::string& text : {get(), kPost}) {
    Pair pair(always(ok("bad")));
    pair.bad.stop();
    EXPECT_EQ(ask_once(pair.balancer, text).body, "good");
    EXPECT_EQ(pair.bad.request_count(), 0U);
    ASSERT_EQ(pair.good.request_count(), 1U);
    EXPECT_EQ(pair.good.requests()[0].message.body, text == kPost ? "body" : "");
  }
}

// Goal: a request that was written and got no answer is repeated only where that does no harm. Method: the backend
// closes or resets after it read the request; the counts show who saw it.
TEST(RetryTable, connection_ended_after_the_request_repeats_get_but_not_post) {
  for (const auto& failing : {&close_after_request, &reset_after_request}) {
    Pair got(failing);
    EXPECT_EQ(ask_once(got.balancer, get()).body, "good");
    EXPECT_EQ(got.bad.request_count(), 1U);
    EXPECT_EQ(got.good.request_count(), 1U);

    Pair posted(failing);
    EXPECT_EQ(ask_once(posted.balancer, kPost).status(), 502);
    EXPECT_EQ(posted.bad.request_count(), 1U);
    EXPECT_EQ(posted.good.request_count(), 0U);
  }
}

// Goal: every method that RFC 9110 section 9.2.2 calls idempotent is repeated, PATCH and others are not. Method: as
// above, for each.
TEST(RetryTable, idempotent_methods_are_repeated_and_no_other) {
  Pair pair(&close_after_request, "[health]\nfailures = 100\n");
  for (const char* method : {"GET", "OPTIONS", "TRACE", "DELETE"}) {
    const std::string text = std::string(method) + " / HTTP/1.1\r\nHost: test\r\n\r\n";
    EXPECT_EQ(ask_once(pair.balancer, text).status(), 200) << method;
  }
  EXPECT_EQ(ask_once(pair.balancer, request("PUT", "body")).status(), 200);
  EXPECT_EQ(ask_once(pair.balancer, "HEAD / HTTP/1.1\r\nHost: test\r\n\r\n", Kind::response_to_head).status(), 200);
  EXPECT_EQ(pair.bad.request_count(), 6U);
  EXPECT_EQ(pair.good.request_count(), 6U);
  for (const char* method : {"PATCH", "POST", "PROPFIND"}) {
    EXPECT_EQ(ask_once(pair.balancer, request(method, "body")).status(), 502) << method;
    // The other backend's turn, so that the next method meets the failing one again.
    EXPECT_EQ(ask_once(pair.balancer, request(method, "body")).status(), 200) << method;
  }
}

// Goal: an answer that is not HTTP is a failed attempt. Method: another protocol's greeting.
TEST(RetryTable, answer_that_is_not_http_repeats_get_but_not_post) {
  Pair got(&answer_garbage);
  EXPECT_EQ(ask_once(got.balancer, get()).body, "good");
  EXPECT_EQ(got.bad.request_count(), 1U);

  Pair posted(&answer_garbage);
  const Message answer = ask_once(posted.balancer, kPost);
  EXPECT_EQ(answer.status(), 502);
  EXPECT_NE(answer.head.value("Proxy-Status").find("error=http_protocol_error"), std::string::npos);
  EXPECT_EQ(posted.bad.request_count(), 1U);
  EXPECT_EQ(posted.good.request_count(), 0U);
}

// Goal: a silent backend meets the deadline for the first byte: GET goes elsewhere, POST gets 504. Method: 300 ms.
TEST(RetryTable, silence_repeats_get_and_is_504_for_post) {
  const std::string toml = "[server.timeouts]\nfirst_response_byte = \"300ms\"\n";
  Pair got(&say_nothing, toml);
  EXPECT_EQ(ask_once(got.balancer, get()).body, "good");
  EXPECT_EQ(got.bad.request_count(), 1U);

  Pair posted(&say_nothing, toml);
  EXPECT_EQ(ask_once(posted.balancer, kPost).status(), 504);
  EXPECT_EQ(posted.bad.request_count(), 1U);
  EXPECT_EQ(posted.good.request_count(), 0U);
}

// Goal: when every attempt meets silence, the answer to GET is 504 as well, after as many attempts as configured.
// Method: one backend, two attempts.
TEST(RetryTable, get_that_only_meets_silence_is_504) {
  ScriptedBackend silent(&say_nothing);
  Balancer balancer(
      {.backends = {&silent}, .toml = "[server.timeouts]\nfirst_response_byte = \"200ms\"\n[retry]\nattempts = 2\n"});
  EXPECT_EQ(ask_once(balancer, get()).status(), 504);
  EXPECT_EQ(silent.request_count(), 2U);
}

// Goal: the answer's clock runs as well when the whole body came in the same segment as the head, in more chunks than
// are taken at once; before, the exchange then waited for ever. Method: as many chunks as take one, two and three
// turns.
TEST(RetryTable, silence_after_a_body_of_many_chunks_is_504) {
  ScriptedBackend silent(&say_nothing);
  Balancer balancer({.backends = {&silent}, .toml = "[server.timeouts]\nfirst_response_byte = \"300ms\"\n"});
  for (const int chunks : {3, 8, 9, 20}) {
    std::string request = "POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n";
    for (int i = 0; i < chunks; ++i) request += "1\r\na\r\n";
    EXPECT_EQ(ask_once(balancer, request + "0\r\n\r\n").status(), 504) << chunks << " chunks";
  }
}

// Goal: once bytes of an answer went out nothing is repeated, and the client can tell that the rest is missing. Method:
// the answer breaks off under each framing; for the client of 1.0, whose only delimiter is the end of the connection,
// the end must not look orderly.
TEST(RetryTable, truncated_answer_is_a_visible_cut_and_never_repeated) {
  for (const std::string& beginning :
       {std::string("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this"),
        std::string("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nonly this\r\n")}) {
    for (const std::string& text : {get(), kPost, std::string("GET / HTTP/1.0\r\n\r\n")}) {
      Pair pair([beginning](Connection& connection) {
        if (connection.read_request()) connection.send(beginning);
      });
      Client client(pair.balancer);
      const Message answer = client.ask(text);
      EXPECT_EQ(answer.status(), 200);
      EXPECT_FALSE(answer.complete) << beginning << "\nasked by " << text;
      EXPECT_TRUE(client.wait_ended());
      EXPECT_EQ(pair.bad.request_count(), 1U);
      EXPECT_EQ(pair.good.request_count(), 0U);
    }
  }
}

// Goal: a reused connection that the backend closes in that moment is nobody's failure: GET is repeated on a new one,
// without counting as an attempt or against the backend. Method: one attempt and one failure are all that is allowed,
// and the request succeeds all the same.
TEST(RetryTable, stale_connection_repeats_get_uncounted) {
  ScriptedBackend backend([](Connection& connection) {
    if (!connection.read_request()) return;
    connection.send(ok(std::to_string(connection.number())));
    static_cast<void>(connection.read_request());  // and closes instead of an answer
  });
  Balancer balancer({.backends = {&backend}, .toml = "[retry]\nattempts = 1\n[health]\nfailures = 1\n"});
  Client client(balancer);
  EXPECT_EQ(client.ask(get()).body, "1");
  EXPECT_EQ(client.ask(get()).body, "2");
  EXPECT_EQ(backend.request_count(), 3U);
  EXPECT_EQ(balancer.log().find("[down]"), std::string::npos);
}

// Goal: a POST whose bytes were written on such a connection may have been seen: 502, and the backend saw it once.
// Method: as above.
TEST(RetryTable, stale_connection_fails_a_post_that_was_written) {
  ScriptedBackend backend([](Connection& connection) {
    if (!connection.read_request()) return;
    connection.send(ok("first"));
    static_cast<void>(connection.read_request());
  });
  Balancer balancer({.backends = {&backend}});
  Client client(balancer);
  EXPECT_EQ(client.ask(get()).body, "first");
  EXPECT_EQ(client.ask(kPost).status(), 502);
  EXPECT_EQ(backend.request_count(), 2U);
}

// Goal: a pooled connection that was closed before the request came is never used, so that even POST succeeds. Method:
// the backend closes after each answer without having announced it; its end has arrived once the next connection of the
// same thread of events is seen, so the test waits for it to be done.
TEST(RetryTable, idle_connection_that_was_closed_is_not_used_for_post) {
  Gate closed;
  ScriptedBackend backend([&closed](Connection& connection) {
    if (!connection.read_request()) return;
    connection.send(ok("ok"));
    connection.close();
    closed.open();
  });
  Balancer balancer({.backends = {&backend}});
  Client client(balancer);
  EXPECT_EQ(client.ask(get()).body, "ok");
  ASSERT_TRUE(closed.wait());
  EXPECT_EQ(client.ask(kPost).body, "ok");
  EXPECT_EQ(backend.request_count(), 2U);
}

// Goal: attempts go to backends that were not tried yet, and end after three. Method: four backends that fail alike;
// then one alone, which gets all three.
TEST(RetryTable, attempts_are_bounded_and_prefer_untried_backends) {
  ScriptedBackend a(&close_after_request);
  ScriptedBackend b(&close_after_request);
  ScriptedBackend c(&close_after_request);
  ScriptedBackend d(&close_after_request);
  Balancer balancer({.backends = {&a, &b, &c, &d}});
  EXPECT_EQ(ask_once(balancer, get()).status(), 502);
  EXPECT_EQ(a.request_count(), 1U);
  EXPECT_EQ(b.request_count(), 1U);
  EXPECT_EQ(c.request_count(), 1U);
  EXPECT_EQ(d.request_count(), 0U);

  ScriptedBackend alone(&close_after_request);
  Balancer of_one({.backends = {&alone}, .toml = "[health]\nfailures = 100\n"});
  EXPECT_EQ(ask_once(of_one, get()).status(), 502);
  EXPECT_EQ(alone.request_count(), 3U);
}

// Goal: a backend that only stumbled is tried again after a pause, and the client never knows. Method: the third
// attempt is answered.
TEST(RetryTable, the_same_backend_comes_again_after_a_pause) {
  ScriptedBackend backend([](Connection& connection) {
    if (connection.read_request() && connection.request_number() >= 3) connection.send(ok("third"));
  });
  Balancer balancer({.backends = {&backend}, .toml = "[health]\nfailures = 100\n"});
  EXPECT_EQ(ask_once(balancer, get()).body, "third");
  EXPECT_EQ(backend.request_count(), 3U);
}

}  // namespace
}  // namespace lb::e2e
