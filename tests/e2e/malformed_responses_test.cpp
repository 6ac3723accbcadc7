// Answers that are refused: the same strictness for what backends send.
#include <mutex>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "support/balancer.hpp"

namespace lb::e2e {
namespace {

using namespace lb::support;  // NOLINT(google-build-using-namespace): the vocabulary of these tests

struct Case {
  const char* name;
  std::string answer;
};

std::string answer_with(const std::string& fields, const std::string& body = "") {
  return "HTTP/1.1 200 OK\r\n" + fields + "\r\n" + body;
}

std::string many_fields() {
  std::string fields;
  for (int i = 0; i < 200; ++i) fields += "X-" + std::to_string(i) + ": y\r\n";
  return fields;
}

std::string many_interim_answers() {
  std::string text;
  for (int i = 0; i < 40; ++i) text += "HTTP/1.1 103 Early Hints\r\nX: y\r\n\r\n";
  return text + ok("after all");
}

const std::vector<Case> kBroken = {
    {"another protocol", "220 mail.test ESMTP\r\n\r\n"},
    {"HTTP/0.9", "<html>hello</html>\r\n\r\n"},
    {"HTTP/2.0", "HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n"},
    {"lower case version", "http/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"},
    {"status of four digits", "HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n"},
    {"status of two digits", "HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n"},
    {"status below 100", "HTTP/1.1 099 OK\r\nContent-Length: 0\r\n\r\n"},
    {"status of letters", "HTTP/1.1 abc OK\r\nContent-Length: 0\r\n\r\n"},
    {"control in the reason", "HTTP/1.1 200 O\x01K\r\nContent-Length: 0\r\n\r\n"},
    {"length and coding", answer_with("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n")},
    {"two lengths that differ", answer_with("Content-Length: 3\r\nContent-Length: 2\r\n", "abc")},
    {"two lengths that agree", answer_with("Content-Length: 3\r\nContent-Length: 3\r\n", "abc")},
    {"negative length", answer_with("Content-Length: -3\r\n", "abc")},
    {"length of letters", answer_with("Content-Length: three\r\n", "abc")},
    {"unknown coding", answer_with("Transfer-Encoding: cow\r\n", "abc")},
    {"chunked twice", answer_with("Transfer-Encoding: chunked, chunked\r\n", "0\r\n\r\n")},
    {"chunked in HTTP/1.0", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
    {"chunked 204", "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
    {"bare LF", "HTTP/1.1 200 OK\nContent-Length: 0\n\n"},
    {"bare CR in a value", answer_with("X: a\rb\r\nContent-Length: 0\r\n")},
    {"folded", answer_with("X: a\r\n b\r\nContent-Length: 0\r\n")},
    {"space before the colon", answer_with("Content-Length : 0\r\n")},
    {"no colon", answer_with("X\r\nContent-Length: 0\r\n")},
    {"NUL", answer_with(std::string("X: a\0b\r\nContent-Length: 0\r\n", 27))},
    {"field too long", answer_with("X: " + std::string(40 * 1024, 'x') + "\r\nContent-Length: 0\r\n")},
    {"too many fields", answer_with(many_fields() + "Content-Length: 0\r\n")},
    {"broken chunk", answer_with("Transfer-Encoding: chunked\r\n", "xyz\r\nabc\r\n0\r\n\r\n")},
    {"101 that nobody asked for", "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"},
    {"endless interim answers", many_interim_answers()},
    {"head that breaks off", "HTTP/1.1 200 OK\r\nContent-Le"},
};

// Goal: a broken answer is a failed attempt: GET is rescued by the other backend, POST gets 502, and not a byte of the
// broken answer reaches a client. Method: both for each row; turns are exact, so that each first goes to the broken
// one.
TEST(MalformedResponse, is_a_failed_attempt) {
  std::mutex mutex;
  std::string answer;
  ScriptedBackend bad([&](ScriptedBackend::Connection& connection) {
    if (!connection.read_request()) return;
    const std::scoped_lock lock(mutex);
    connection.send(answer);
  });
  ScriptedBackend good(always(ok("good")));
  Balancer balancer({.backends = {&bad, &good}, .toml = "[health]\nfailures = 100\n"});
  std::size_t requests = 0;
  for (const Case& row : kBroken) {
    SCOPED_TRACE(row.name);
    {
      const std::scoped_lock lock(mutex);
      answer = row.answer;
    }
    Client client(balancer);
    client.send(get());
    Message got = client.read_response();
    while (got.status() == 103) got = client.read_response();  // passed on before there were too many
    EXPECT_EQ(got.body, "good");
    client.send(request("POST", "body"));
    Message refused = client.read_response();
    while (refused.status() == 103) refused = client.read_response();
    EXPECT_EQ(refused.status(), 502) << refused.head.text;
    EXPECT_TRUE(refused.head.has("Proxy-Status"));
    // The next row's request has to meet the broken backend first.
    EXPECT_EQ(client.ask(get()).body, "good");
    requests += 2;
    ASSERT_EQ(bad.request_count(), requests);
    ASSERT_EQ(good.request_count(), requests);
  }
}

// Goal: an answer that breaks in its body after its head went out is cut, visibly. Method: a broken chunk that comes
// once the client has the first one.
TEST(MalformedResponse, that_breaks_later_is_a_visible_cut) {
  Gate seen;
  ScriptedBackend backend([&seen](ScriptedBackend::Connection& connection) {
    if (!connection.read_request()) return;
    connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
    if (seen.wait()) connection.send("nonsense\r\n0\r\n\r\n");
  });
  Balancer balancer({.backends = {&backend}});
  Client client(balancer);
  client.send(get());
  Message answer;
  answer.head = *client.read_head();
  EXPECT_EQ(client.read_exactly(8), "3\r\nabc\r\n");
  seen.open();
  EXPECT_EQ(client.read_to_end(), "");
  EXPECT_NE(client.ending(), Ending::timeout);
}

// Goal: broken answers count against the backend. Method: three, and the log.
TEST(MalformedResponse, counts_against_the_backend) {
  ScriptedBackend bad(always("nonsense\r\n\r\n"));
  ScriptedBackend good(always(ok("good")));
  Balancer balancer({.backends = {&bad, &good}});
  for (int i = 0; i < 5; ++i) EXPECT_EQ(ask_once(balancer, get()).body, "good");
  EXPECT_EQ(bad.request_count(), 3U);
  EXPECT_TRUE(balancer.wait_for_log(bad.url() + " [down] (3 retries failed)"));
}

}  // namespace
}  // namespace lb::e2e
