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

const std::vector<Case> kBroken = {
    {"another protocol", "220 mail.test ESMTP\r\n\r\n"},
    {"HTTP/0.9", "<html>hello</html>\r\n\r\n"},
    {"HTTP/2.0", "HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n"},
    {"lower case version", "http/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"},
    {"version of two digits", "HTTP/1.10 200 OK\r\nContent-Length: 0\r\n\r\n"},
    {"leading zero", "HTTP/01.1 200 OK\r\nContent-Length: 0\r\n\r\n"},
    {"other name", "ICY/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"},
    {"empty line in front", "\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"},
    {"bare LF in front", "\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"},
    {"space in front", " HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"},
    {"two spaces before the status", "HTTP/1.1  200 OK\r\nContent-Length: 0\r\n\r\n"},
    {"tab before the status", "HTTP/1.1\t200 OK\r\nContent-Length: 0\r\n\r\n"},
    {"no status", "HTTP/1.1 OK\r\nContent-Length: 0\r\n\r\n"},
    {"request for an answer", "GET / HTTP/1.1\r\nHost: test\r\n\r\n"},
    {"status of four digits", "HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n"},
    {"status of two digits", "HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n"},
    {"status below 100", "HTTP/1.1 099 OK\r\nContent-Length: 0\r\n\r\n"},
    {"status of letters", "HTTP/1.1 abc OK\r\nContent-Length: 0\r\n\r\n"},
    {"status of zeros", "HTTP/1.1 000 OK\r\nContent-Length: 0\r\n\r\n"},
    {"signed status", "HTTP/1.1 +20 OK\r\nContent-Length: 0\r\n\r\n"},
    {"exponent for a status", "HTTP/1.1 2e2 OK\r\nContent-Length: 0\r\n\r\n"},
    {"text behind the status", "HTTP/1.1 200OK\r\nContent-Length: 0\r\n\r\n"},
    {"control in the reason", "HTTP/1.1 200 O\x01K\r\nContent-Length: 0\r\n\r\n"},
    {"bare CR in the reason", "HTTP/1.1 200 OK\rX: y\r\nContent-Length: 0\r\n\r\n"},
    {"bare LF in the reason", "HTTP/1.1 200 OK\nX: y\r\nContent-Length: 0\r\n\r\n"},
    {"NUL in the reason", std::string("HTTP/1.1 200 O\0K\r\nContent-Length: 0\r\n\r\n", 39)},
    {"two lengths that differ", answer_with("Content-Length: 3\r\nContent-Length: 2\r\n", "abc")},
    {"negative length", answer_with("Content-Length: -3\r\n", "abc")},
    {"length of letters", answer_with("Content-Length: three\r\n", "abc")},
    {"signed length", answer_with("Content-Length: +3\r\n", "abc")},
    {"hexadecimal length", answer_with("Content-Length: 0x3\r\n", "abc")},
    {"exponent for a length", answer_with("Content-Length: 3e0\r\n", "abc")},
    {"empty length", answer_with("Content-Length:\r\n", "abc")},
    {"two numbers for a length", answer_with("Content-Length: 3 3\r\n", "abc")},
    {"length beyond 64 bits", answer_with("Content-Length: 18446744073709551619\r\n", "abc")},
    {"identity and length", answer_with("Transfer-Encoding: identity\r\nContent-Length: 3\r\n", "abc")},
    {"identity", answer_with("Transfer-Encoding: identity\r\n", "abc")},
    {"other coding", answer_with("Transfer-Encoding: gzip\r\n", "abc")},
    {"other coding, then chunked", answer_with("Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n")},
    {"chunked, then another coding", answer_with("Transfer-Encoding: chunked, gzip\r\n", "0\r\n\r\n")},
    {"chunked in two fields", answer_with("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n")},
    {"chunked with a parameter", answer_with("Transfer-Encoding: chunked;q=1\r\n", "0\r\n\r\n")},
    {"chunked behind a vertical tab", answer_with("Transfer-Encoding: \x0b"
                                                  "chunked\r\n",
                                                  "0\r\n\r\n")},
    {"empty coding", answer_with("Transfer-Encoding:\r\n", "abc")},
    {"unknown coding", answer_with("Transfer-Encoding: cow\r\n", "abc")},
    {"chunked twice", answer_with("Transfer-Encoding: chunked, chunked\r\n", "0\r\n\r\n")},
    {"list of lengths that differ", answer_with("Content-Length: 3, 2\r\n", "abc")},
    {"length and coding, of a body that is not coded",
     answer_with("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", "xyz")},
    {"103 with two lengths", "HTTP/1.1 103 Early Hints\r\nContent-Length: 1, 2\r\n\r\n" + ok("after all")},
    {"bare LF", "HTTP/1.1 200 OK\nContent-Length: 0\n\n"},
    {"bare CR in a value", answer_with("X: a\rb\r\nContent-Length: 0\r\n")},
    {"folded", answer_with("X: a\r\n b\r\nContent-Length: 0\r\n")},
    {"space before the colon", answer_with("Content-Length : 0\r\n")},
    {"no colon", answer_with("X\r\nContent-Length: 0\r\n")},
    {"no name", answer_with(": y\r\nContent-Length: 0\r\n")},
    {"space in a name", answer_with("X Y: z\r\nContent-Length: 0\r\n")},
    {"bare LF hides a field", answer_with("X: y\nTransfer-Encoding: chunked\r\nContent-Length: 0\r\n")},
    {"bare LF ends the head", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\n"},
    {"bare CR ends each line", "HTTP/1.1 200 OK\rContent-Length: 0\r\r"},
    {"folded with a tab", answer_with("X: a\r\n\tb\r\nContent-Length: 0\r\n")},
    {"folded first", answer_with(" X: a\r\nContent-Length: 0\r\n")},
    {"control in a value", answer_with("X: \x1b[2J\r\nContent-Length: 0\r\n")},
    {"non-ASCII name", answer_with("X\xc3\xa9: a\r\nContent-Length: 0\r\n")},
    {"NUL", answer_with(std::string("X: a\0b\r\nContent-Length: 0\r\n", 27))},
    {"broken chunk", answer_with("Transfer-Encoding: chunked\r\n", "xyz\r\nabc\r\n0\r\n\r\n")},
    {"chunk without its CRLF", answer_with("Transfer-Encoding: chunked\r\n", "1\r\nab0\r\n\r\n")},
    {"chunk with a bare LF", answer_with("Transfer-Encoding: chunked\r\n", "1\na\r\n0\r\n\r\n")},
    {"chunk with 0x", answer_with("Transfer-Encoding: chunked\r\n", "0x1\r\na\r\n0\r\n\r\n")},
    {"chunk with a sign", answer_with("Transfer-Encoding: chunked\r\n", "-1\r\na\r\n0\r\n\r\n")},
    {"chunk that overflows", answer_with("Transfer-Encoding: chunked\r\n", "10000000000000001\r\na\r\n0\r\n\r\n")},
    {"bare LF in an extension", answer_with("Transfer-Encoding: chunked\r\n", "1;a\nb\r\na\r\n0\r\n\r\n")},
    {"endless extension",
     answer_with("Transfer-Encoding: chunked\r\n", "1;" + std::string(8000, 'x') + "\r\na\r\n0\r\n\r\n")},
    {"folded trailer", answer_with("Transfer-Encoding: chunked\r\n", "0\r\nX: a\r\n b\r\n\r\n")},
    {"101 that nobody asked for", "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"},
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
    // The next row's request has to meet the broken backend first, and that one's failures in a row must stay few.
    EXPECT_EQ(client.ask(get()).body, "good");
    {
      const std::scoped_lock lock(mutex);
      answer = ok("for once");
    }
    EXPECT_EQ(client.ask(get()).body, "for once");
    EXPECT_EQ(client.ask(get()).body, "good");
    requests += 3;
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
