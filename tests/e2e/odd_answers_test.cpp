// Answers that are odd and still mean one thing: they pass, and what reaches the client is no longer odd.
#include <mutex>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "support/balancer.hpp"

namespace lb::e2e {
namespace {

using namespace lb::support;  // NOLINT(google-build-using-namespace): the vocabulary of these tests
using Connection = ScriptedBackend::Connection;

enum class Next : std::uint8_t { same_connection, new_connection };

struct Case {
  const char* name;
  std::string answer;
  std::string seen;  // by the client, byte for byte
  Next next = Next::same_connection;
  std::string request = get();
};

const std::string kDate = "Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n";
const std::string kHead = "HEAD / HTTP/1.1\r\nHost: test\r\n\r\n";

// Runs a table against one balancer. The request of each row and one behind it go out in one write, so that the client
// sees at once if the two programs count differently. The second is answered on the same connection to the backend or,
// where that one is not to be trusted any more, on a new one.
void expect_passed(const std::vector<Case>& cases) {
  const std::string last = "HTTP/1.1 200 OK\r\n" + kDate + "Content-Length: 4\r\n\r\nlast";
  std::mutex mutex;
  std::string answer;
  std::size_t odd_connection = 0;
  std::size_t last_connection = 0;
  ScriptedBackend backend([&](Connection& connection) {
    while (const auto head = connection.read_request_head()) {
      const std::scoped_lock lock(mutex);
      const bool odd = head->start_line.find("/last") == std::string::npos;
      (odd ? odd_connection : last_connection) = connection.number();
      if (!connection.send(odd ? answer : last)) return;
    }
  });
  Balancer balancer({.backends = {&backend}});
  for (const Case& row : cases) {
    SCOPED_TRACE(row.name);
    {
      const std::scoped_lock lock(mutex);
      answer = row.answer;
    }
    Client client(balancer);
    client.send(row.request + get("/last"));
    EXPECT_EQ(client.read_exactly(row.seen.size() + last.size()), row.seen + last);
    client.shutdown_send();
    EXPECT_EQ(client.read_to_end(), "");
    const std::scoped_lock lock(mutex);
    EXPECT_EQ(odd_connection == last_connection, row.next == Next::same_connection);
  }
}

std::string answer(const std::string& status, const std::string& fields, const std::string& body = "") {
  return "HTTP/1.1 " + status + "\r\n" + kDate + fields + "\r\n" + body;
}

std::string repeated(const std::string& text, int times) {
  std::string all;
  for (int i = 0; i < times; ++i) all += text;
  return all;
}

// Goal: status lines and framings that have one meaning only pass, in the form that all programs read alike. Method: a
// missing reason, statuses without a name, odd spellings of lengths, codings and chunks.
TEST(OddAnswer, that_means_one_thing_passes) {
  const std::string two = "Content-Length: 2\r\n";
  expect_passed({
      {"no reason, no space", answer("200", two, "ok"), answer("200 ", two, "ok")},
      {"bytes beyond ASCII in the reason", answer("200 \xc3\xa9\t!", two, "ok"), answer("200 \xc3\xa9\t!", two, "ok")},
      {"status 999", answer("999 X", two, "ok"), answer("999 X", two, "ok")},
      {"HTTP/1.0 that is kept", "HTTP/1.0 200 OK\r\n" + kDate + "Connection: keep-alive\r\n" + two + "\r\nok",
       answer("200 OK", two, "ok")},
      {"CL: leading zeros", answer("200 OK", "Content-Length: 0002\r\n", "ok"),
       answer("200 OK", "Content-Length: 2\r\n", "ok")},
      {"CL: underscore is another field", answer("200 OK", "Content_Length: 9\r\n" + two, "ok"),
       answer("200 OK", "Content_Length: 9\r\n" + two, "ok")},
      {"TE.TE: letters and tabs", answer("200 OK", "tRANSFER-eNCODING:\tCHUNKED \r\n", "2\r\nok\r\n0\r\n\r\n"),
       answer("200 OK", "Transfer-Encoding: chunked\r\n", "2\r\nok\r\n0\r\n\r\n")},
      {"chunks with zeros and extensions",
       answer("200 OK", "Transfer-Encoding: chunked\r\n", "0002;a=\"\r\nok\r\n000;b\r\nX:\t y \r\n\r\n"),
       answer("200 OK", "Transfer-Encoding: chunked\r\n", "2\r\nok\r\n0\r\nX: y\r\n\r\n")},
      {"chunk sizes padded behind",
       answer("200 OK", "Transfer-Encoding: chunked\r\n", "1 \r\no\r\n1\t;a=b\r\nk\r\n0   \r\n\r\n"),
       answer("200 OK", "Transfer-Encoding: chunked\r\n", "2\r\nok\r\n0\r\n\r\n")},
      {"body that looks like an answer", answer("200 OK", "Content-Length: 38\r\n", ok("")),
       answer("200 OK", "Content-Length: 38\r\n", ok(""))},
      {"fields that Connection names",
       answer("200 OK", "Connection: x, set-cookie\r\nSet-Cookie: a\r\nX: y\r\n" + two, "ok"),
       answer("200 OK", two, "ok")},
      {"Upgrade without 101", answer("200 OK", "Connection: upgrade\r\nUpgrade: websocket\r\n" + two, "ok"),
       answer("200 OK", two, "ok")},
      {"205 with a body", answer("205 Reset Content", two, "ok"), answer("205 Reset Content", two, "ok")},
  });
}

// Goal: what nginx and HAProxy both read and the RFCs have a rule for is read by that rule, and what the client gets
// says one thing; where the backend contradicted itself its connection is not used again. Method: lengths, codings,
// options and trailers.
TEST(OddAnswer, that_the_rfcs_have_a_rule_for_passes) {
  const std::string two = "Content-Length: 2\r\n";
  const std::string coding = "Transfer-Encoding: chunked\r\n";
  const std::string chunks = "2\r\nok\r\n0\r\n\r\n";
  const std::string counted = answer("200 OK", two, "ok");
  const std::string coded = answer("200 OK", coding, chunks);
  expect_passed({
      {"CL: a tab behind it", answer("200 OK", "Content-Length: 2\t\r\n", "ok"), counted},
      {"CL.CL: equal", answer("200 OK", two + two, "ok"), counted},
      {"CL: list of equals", answer("200 OK", "Content-Length: 2, 2,02\r\n", "ok"), counted},
      {"CL.TE", answer("200 OK", two + coding, chunks), coded, Next::new_connection},
      {"TE.CL", answer("200 OK", coding + two, chunks), coded, Next::new_connection},
      {"TE in HTTP/1.0", "HTTP/1.0 200 OK\r\n" + kDate + "Connection: keep-alive\r\n" + coding + "\r\n" + chunks, coded,
       Next::new_connection},
      {"Connection: Transfer-Encoding", answer("200 OK", "Connection: Transfer-Encoding\r\n" + coding, chunks), coded},
      {"Connection: Content-Length", answer("200 OK", "Connection: content-length\r\n" + two, "ok"), counted},
      {"Connection: Host, Expect", answer("200 OK", "Connection: Host, Expect\r\n" + two, "ok"), counted},
      {"trailers that must not be there",
       answer("200 OK", coding, "2\r\nok\r\n0\r\nContent-Length: 3\r\nX: y\r\nHost: z\r\n\r\n"),
       answer("200 OK", coding, "2\r\nok\r\n0\r\nX: y\r\n\r\n")},
      {"304 with both", answer("304 Not Modified", two + coding), answer("304 Not Modified", ""), Next::new_connection},
  });
}

// Goal: interim answers have no body, whatever they say, and never end an exchange. Method: 102, 103 and one without a
// name, with a length, in HTTP/1.0, and several of them.
TEST(OddAnswer, interim_answers_never_have_a_body) {
  const std::string final_answer = answer("200 OK", "Content-Length: 2\r\n", "ok");
  expect_passed({
      {"with a length", "HTTP/1.1 103 Early Hints\r\nContent-Length: 5\r\n\r\n" + final_answer,
       "HTTP/1.1 103 Early Hints\r\n\r\n" + final_answer},
      {"with connection options", "HTTP/1.1 103 Early Hints\r\nConnection: close, x\r\nX: y\r\n\r\n" + final_answer,
       "HTTP/1.1 103 Early Hints\r\n\r\n" + final_answer},
      {"without a name", "HTTP/1.1 199\r\n\r\n" + final_answer, "HTTP/1.1 199 \r\n\r\n" + final_answer},
      {"several", "HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nX: y\r\n\r\n" + final_answer,
       "HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nX: y\r\n\r\n" + final_answer},
      {"100 that nobody asked for", "HTTP/1.1 100 Continue\r\n\r\n" + final_answer, final_answer},
      {"with a coding", "HTTP/1.1 103 Early Hints\r\nTransfer-Encoding: chunked\r\n\r\n" + final_answer,
       "HTTP/1.1 103 Early Hints\r\n\r\n" + final_answer, Next::new_connection},
      {"200 of them", repeated("HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n", 200) + final_answer,
       repeated("HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n", 200) + final_answer},
  });
}

// Goal: a body where none can be is not passed on, and not taken for the next answer. Method: a whole answer as such a
// body, and more bytes than the length says; the connection is not used again.
TEST(OddAnswer, bodies_that_cannot_be_are_dropped_with_their_connection) {
  const std::string forged = ok("forged");
  const std::string length = "Content-Length: " + std::to_string(forged.size()) + "\r\n";
  expect_passed({
      {"to HEAD", answer("200 OK", length, forged), answer("200 OK", length), Next::new_connection, kHead},
      {"to HEAD, in chunks", answer("200 OK", "Transfer-Encoding: chunked\r\n", "0\r\n\r\n"), answer("200 OK", ""),
       Next::new_connection, kHead},
      {"204", answer("204 No Content", length, forged), answer("204 No Content", ""), Next::new_connection},
      {"204 in chunks", answer("204 No Content", "Transfer-Encoding: chunked\r\n", "0\r\n\r\n"),
       answer("204 No Content", ""), Next::new_connection},
      {"304", answer("304 Not Modified", length, forged), answer("304 Not Modified", length), Next::new_connection},
      {"304 in chunks", answer("304 Not Modified", "Transfer-Encoding: chunked\r\n", "0\r\n\r\n"),
       answer("304 Not Modified", ""), Next::new_connection},
      {"longer than its length", answer("200 OK", "Content-Length: 2\r\n", "ok" + forged),
       answer("200 OK", "Content-Length: 2\r\n", "ok"), Next::new_connection},
      {"length of 0", answer("200 OK", "Content-Length: 0\r\n", forged), answer("200 OK", "Content-Length: 0\r\n"),
       Next::new_connection},
      {"behind the last chunk", answer("200 OK", "Transfer-Encoding: chunked\r\n", "0\r\n\r\n" + forged),
       answer("200 OK", "Transfer-Encoding: chunked\r\n", "0\r\n\r\n"), Next::new_connection},
      {"empty line behind it", answer("200 OK", "Content-Length: 2\r\n", "ok\r\n"),
       answer("200 OK", "Content-Length: 2\r\n", "ok"), Next::new_connection},
      {"not kept in HTTP/1.0", "HTTP/1.0 200 OK\r\n" + kDate + "Content-Length: 2\r\n\r\nok",
       answer("200 OK", "Content-Length: 2\r\n", "ok"), Next::new_connection},
      {"close among other options", answer("200 OK", "Connection: x, CLOSE\r\nContent-Length: 2\r\n", "ok"),
       answer("200 OK", "Content-Length: 2\r\n", "ok"), Next::new_connection},
  });
}

// Sends a request whose answer has no body, and then one of somebody else. The backend sends a forged answer as that
// body, too late to be seen behind the head: if the connection was kept, it comes when the second request is there.
std::string answer_after_late_body(const std::string& request, const std::string& answer) {
  ScriptedBackend backend([&answer](Connection& connection) {
    const auto head = connection.read_request_head();
    if (!head) return;
    if (head->start_line.find("/last") == std::string::npos) {
      connection.send(answer);
      if (!connection.read_request_head()) return;
      connection.send(ok("forged"));
    }
    connection.send(ok("true"));
  });
  Balancer balancer({.backends = {&backend}});
  Client first(balancer);
  first.send(request);
  EXPECT_TRUE(first.read_head());
  return ask_once(balancer, get("/last")).body;
}

// Goal: backends that send a body to HEAD are not rare, and what such a body holds may be the choice of whoever asked.
// It never becomes the answer to somebody else's request. Method: a length that such a backend announces.
TEST(OddAnswer, late_body_of_an_answer_to_head_is_nobodys_answer) {
  const std::string fields = "Content-Length: " + std::to_string(ok("forged").size()) + "\r\n";
  EXPECT_EQ(answer_after_late_body(kHead, answer("200 OK", fields)), "true");
  EXPECT_EQ(answer_after_late_body(kHead, answer("200 OK", "Transfer-Encoding: chunked\r\n")), "true");
}

// Goal: a 204 with a length (RFC 9110 section 8.6: never) comes from a backend that counts differently, as a chunked
// one does; its connection is not used again. Method: as above.
TEST(OddAnswer, late_body_of_a_204_is_nobodys_answer) {
  const std::string fields = "Content-Length: " + std::to_string(ok("forged").size()) + "\r\n";
  EXPECT_EQ(answer_after_late_body(get(), answer("204 No Content", fields)), "true");
}

}  // namespace
}  // namespace lb::e2e
