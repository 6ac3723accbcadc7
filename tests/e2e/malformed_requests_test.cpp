// Requests that are refused: each with its status, a closed connection, and nothing of it at the backend.
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "support/balancer.hpp"

namespace lb::e2e {
namespace {

using namespace lb::support;  // NOLINT(google-build-using-namespace): the vocabulary of these tests

struct Case {
  const char* name;
  std::string request;
  int status = 400;
};

std::string post(const std::string& fields, const std::string& body) {
  return "POST / HTTP/1.1\r\nHost: test\r\n" + fields + "\r\n" + body;
}
std::string chunked(const std::string& body) {
  return post("Transfer-Encoding: chunked\r\n", body);
}

// A request that must never be answered stands behind the broken one, as in an attempt at smuggling.
const std::string kSmuggled = "GET /smuggled HTTP/1.1\r\nHost: test\r\n\r\n";

// Runs a table against one balancer. Each request goes out in one write, with another one behind it.
void expect_refused(const std::vector<Case>& cases) {
  ScriptedBackend backend(always(ok("reached the backend")));
  Balancer balancer({.backends = {&backend}});
  for (const Case& row : cases) {
    SCOPED_TRACE(row.name);
    Client client(balancer);
    client.send(row.request + kSmuggled);
    const Message answer = client.read_response();
    EXPECT_EQ(answer.status(), row.status) << answer.head.text << answer.body;
    EXPECT_EQ(answer.head.value("Connection"), "close");
    EXPECT_TRUE(answer.head.has("Proxy-Status"));
    EXPECT_EQ(client.read_to_end(), "") << "something follows the refusal";
    EXPECT_NE(client.ending(), Ending::timeout);
    EXPECT_EQ(backend.request_count(), 0U);
    if (backend.request_count() != 0) return;  // the rows behind it would only repeat this
  }
  EXPECT_EQ(ask_once(balancer, get()).body, "reached the backend");
}

// Goal: a message that two programs could frame differently is refused (RFC 9112 section 6.3), never repaired. Method:
// the known request smuggling shapes in lengths.
TEST(MalformedRequest, ambiguous_lengths) {
  expect_refused({
      {"CL.TE", post("Content-Length: 6\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\nG")},
      {"TE.CL", post("Transfer-Encoding: chunked\r\nContent-Length: 4\r\n", "5c\r\n")},
      {"two lengths that differ", post("Content-Length: 3\r\nContent-Length: 0\r\n", "abc")},
      {"two lengths that agree", post("Content-Length: 3\r\nContent-Length: 3\r\n", "abc")},
      {"list of lengths", post("Content-Length: 3, 3\r\n", "abc")},
      {"plus", post("Content-Length: +3\r\n", "abc")},
      {"minus", post("Content-Length: -3\r\n", "abc")},
      {"hexadecimal", post("Content-Length: 0x3\r\n", "abc")},
      {"empty", post("Content-Length:\r\n", "")},
      {"two numbers", post("Content-Length: 3 3\r\n", "abc")},
      {"letters", post("Content-Length: three\r\n", "abc")},
      {"fraction", post("Content-Length: 3.0\r\n", "abc")},
      {"beyond 64 bits", post("Content-Length: 18446744073709551619\r\n", "abc")},
      {"very long number", post("Content-Length: " + std::string(400, '9') + "\r\n", "abc")},
      {"named in Connection", post("Connection: content-length\r\nContent-Length: 3\r\n", "abc")},
  });
}

// Goal: only a single "chunked" is a coding that both sides are sure to understand. Method: the obfuscations that
// programs are known to read differently (TE.TE).
TEST(MalformedRequest, obfuscated_transfer_codings) {
  const auto coded = [](const std::string& field) { return post(field + "\r\n", "0\r\n\r\n"); };
  expect_refused({
      {"xchunked", coded("Transfer-Encoding: xchunked")},
      {"identity", coded("Transfer-Encoding: identity")},
      {"not last", coded("Transfer-Encoding: chunked, identity")},
      {"twice in one", coded("Transfer-Encoding: chunked, chunked")},
      {"twice", coded("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked")},
      {"twice, one unknown", coded("Transfer-Encoding: chunked\r\nTransfer-encoding: cow")},
      {"vertical tab", coded("Transfer-Encoding: \x0b"
                             "chunked")},
      {"parameter", coded("Transfer-Encoding: chunked;x=1")},
      {"quoted", coded("Transfer-Encoding: \"chunked\"")},
      {"comma", coded("Transfer-Encoding: chunked,")},
      {"empty", coded("Transfer-Encoding:")},
      {"space before the colon", coded("Transfer-Encoding : chunked")},
      {"folded", coded("Transfer-Encoding:\r\n chunked")},
      {"hidden by bare LF", coded("X: y\nTransfer-Encoding: chunked")},
      {"other coding", coded("Transfer-Encoding: gzip, chunked"), 501},
      {"in HTTP/1.0", "POST / HTTP/1.0\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
      {"named in Connection", coded("Connection: transfer-encoding\r\nTransfer-Encoding: chunked")},
  });
}

// Goal: lines end in CRLF, names end at the colon, values hold no controls (RFC 9112 sections 2.2 and 5). Method: one
// slip each.
TEST(MalformedRequest, broken_lines_and_fields) {
  const auto with = [](const std::string& line) { return "GET / HTTP/1.1\r\nHost: test\r\n" + line + "\r\n\r\n"; };
  expect_refused({
      {"bare LF behind the request line", "GET / HTTP/1.1\nHost: test\r\n\r\n"},
      {"bare LF everywhere", "GET / HTTP/1.1\nHost: test\n\n"},
      {"bare LF behind a field", "GET / HTTP/1.1\r\nHost: test\nX: y\r\n\r\n"},
      {"bare LF for the empty line", "GET / HTTP/1.1\r\nHost: test\r\n\n"},
      {"bare CR in a value", with("X: a\rb")},
      {"bare CR before CRLF", with("X: a\r")},
      {"folded", with("X: a\r\n b")},
      {"folded with a tab", with("X: a\r\n\tb")},
      {"folded first", "GET / HTTP/1.1\r\n X: a\r\nHost: test\r\n\r\n"},
      {"space before the colon", with("X : a")},
      {"tab before the colon", with("X\t: a")},
      {"space in the name", with("X Y: a")},
      {"no name", with(": a")},
      {"no colon", with("X")},
      {"parenthesis in the name", with("X(Y): a")},
      {"NUL in a value", with(std::string("X: a\0b", 6))},
      {"NUL in a name", with(std::string("X\0Y: a", 6))},
      {"control in a value", with("X: a\x01")},
      {"DEL in a value", with("X: a\x7f")},
      {"non-ASCII name", with("X\xc3\xa9: a")},
      {"too many empty lines before it", std::string("\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n") + get()},
  });
}

// Goal: one Host that is a host (RFC 9112 section 3.2). Method: none, two, and malformed ones.
TEST(MalformedRequest, bad_hosts) {
  const auto with = [](const std::string& fields) { return "GET / HTTP/1.1\r\n" + fields + "\r\n"; };
  expect_refused({
      {"missing", with("")},
      {"two that agree", with("Host: test\r\nHost: test\r\n")},
      {"two that differ", with("Host: test\r\nhost: other\r\n")},
      {"space", with("Host: te st\r\n")},
      {"list", with("Host: test, other\r\n")},
      {"userinfo", with("Host: user@test\r\n")},
      {"path", with("Host: test/path\r\n")},
      {"letters for a port", with("Host: test:http\r\n")},
      {"port alone", with("Host: :80\r\n")},
      {"open bracket", with("Host: [::1\r\n")},
      {"named in Connection", with("Connection: host\r\nHost: test\r\n")},
      {"two in HTTP/1.0", "GET / HTTP/1.0\r\nHost: test\r\nHost: test\r\n\r\n"},
      {"bad authority in the target", "GET http://us er/ HTTP/1.1\r\nHost: test\r\n\r\n"},
      {"userinfo in the target", "GET http://user@test/ HTTP/1.1\r\nHost: test\r\n\r\n"},
  });
}

// Goal: the request line says method, target and a version that is spoken here. Method: the odd ones, each with the
// status that the RFC gives it.
TEST(MalformedRequest, bad_request_lines) {
  const auto line = [](const std::string& text) { return text + "\r\nHost: test\r\n\r\n"; };
  expect_refused({
      {"HTTP/2.0", line("GET / HTTP/2.0"), 505},
      {"HTTP/3.0", line("GET / HTTP/3.0"), 505},
      {"HTTP/0.9 by number", line("GET / HTTP/0.9"), 505},
      {"HTTP/0.9", "GET /\r\n"},
      {"HTTP/0.9 with fields", line("GET /")},
      {"lower case version", line("GET / http/1.1")},
      {"two-digit version", line("GET / HTTP/1.10")},
      {"no digits", line("GET / HTTP/x.y")},
      {"not HTTP", line("GET / ICY/1.1")},
      {"nothing but a method", line("GET")},
      {"two spaces before the version", line("GET /  HTTP/1.1")},
      {"space in the target", line("GET /a b HTTP/1.1")},
      {"leading space", line(" GET / HTTP/1.1")},
      {"tab", line("GET\t/ HTTP/1.1")},
      {"target of no form", line("GET path HTTP/1.1")},
      {"asterisk for GET", line("GET * HTTP/1.1")},
      {"fragment", line("GET /a#b HTTP/1.1")},
      {"control in the target", line("GET /a\x01 HTTP/1.1")},
      {"non-ASCII target", line("GET /\xc3\xa9 HTTP/1.1")},
      {"NUL in the target", line(std::string("GET /a\0b HTTP/1.1", 17))},
      {"TLS hello", std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11) + "\r\n\r\n"},
      {"unknown method", line("BREW / HTTP/1.1"), 501},
      {"lower case method", line("get / HTTP/1.1"), 501},
      {"CONNECT", line("CONNECT test:443 HTTP/1.1"), 405},
  });
}

// Goal: heads are bounded, and the status says what was too large. Method: just beyond each bound.
TEST(MalformedRequest, too_large_heads) {
  std::string many;
  for (int i = 0; i < 200; ++i) many += "X-" + std::to_string(i) + ": y\r\n";
  expect_refused({
      {"target", get("/" + std::string(40 * 1024, 'x')), 414},
      {"field", get("/", "X: " + std::string(40 * 1024, 'x') + "\r\n"), 431},
      {"name", get("/", std::string(40 * 1024, 'x') + ": y\r\n"), 431},
      {"number of fields", get("/", many), 431},
      {"method", std::string(40 * 1024, 'A') + " / HTTP/1.1\r\nHost: test\r\n\r\n", 414},
  });
}

// Goal: chunks are read as RFC 9112 section 7.1 writes them. Method: sizes that programs are known to read differently.
// The broken chunk comes with the head, so that nothing may be forwarded.
TEST(MalformedRequest, bad_chunks) {
  expect_refused({
      {"no size", chunked("\r\n\r\n")},
      {"minus", chunked("-1\r\na\r\n0\r\n\r\n")},
      {"plus", chunked("+1\r\na\r\n0\r\n\r\n")},
      {"0x", chunked("0x1\r\na\r\n0\r\n\r\n")},
      {"letter", chunked("g\r\na\r\n0\r\n\r\n")},
      {"overflow", chunked("FFFFFFFFFFFFFFFFF\r\na\r\n0\r\n\r\n")},
      {"overflow to one", chunked("10000000000000001\r\na\r\n0\r\n\r\n")},
      {"space before the size", chunked(" 1\r\na\r\n0\r\n\r\n")},
      {"space behind the size", chunked("1 \r\na\r\n0\r\n\r\n")},
      {"bare LF behind the size", chunked("1\na\r\n0\r\n\r\n")},
      {"bare CR behind the size", chunked("1\ra\r\n0\r\n\r\n")},
      {"bare LF behind the data", chunked("1\r\na\n0\r\n\r\n")},
      {"no CRLF behind the data", chunked("1\r\nab0\r\n\r\n")},
      {"size too small", chunked("1\r\nabc\r\n0\r\n\r\n")},
      {"bare LF in an extension", chunked("1;a\nb\r\na\r\n0\r\n\r\n")},
      {"NUL in an extension", chunked(std::string("1;\0\r\na\r\n0\r\n\r\n", 13))},
      {"long extension", chunked("1;" + std::string(8000, 'x') + "\r\na\r\n0\r\n\r\n")},
      {"length in the trailers", chunked("0\r\nContent-Length: 5\r\n\r\n")},
      {"coding in the trailers", chunked("0\r\nTransfer-Encoding: chunked\r\n\r\n")},
      {"Host in the trailers", chunked("0\r\nHost: other\r\n\r\n")},
      {"bare LF in the trailers", chunked("0\r\nX: y\n\r\n")},
      {"folded trailer", chunked("0\r\nX: y\r\n z\r\n\r\n")},
      {"trailer without a colon", chunked("0\r\nX\r\n\r\n")},
  });
}

// Goal: trailers are bounded like heads. Method: more bytes, and more fields, than allowed.
TEST(MalformedRequest, too_large_trailers) {
  std::string many = "0\r\n";
  for (int i = 0; i < 200; ++i) many += "X: y\r\n";
  ScriptedBackend backend(always(ok("done")));
  Balancer balancer({.backends = {&backend}});
  for (const std::string& body : {"0\r\nX: " + std::string(20'000, 'x') + "\r\n\r\n", many + "\r\n"}) {
    EXPECT_EQ(ask_once(balancer, chunked(body)).status(), 431);
  }
  for (const RecordedRequest& seen : backend.requests()) EXPECT_FALSE(seen.message.complete);
}

// Goal: a body that turns out broken after its request was forwarded ends that exchange: the client gets 400, the
// backend an incomplete request, and no failure is held against it. Method: the broken chunk comes once the backend has
// the head.
TEST(MalformedRequest, chunk_that_breaks_later_leaves_an_incomplete_request) {
  Gate ended;
  ScriptedBackend backend([&ended](ScriptedBackend::Connection& connection) {
    if (!connection.read_request_head()) return;
    EXPECT_FALSE(connection.read_request_body().complete);
    ended.open();
  });
  Balancer balancer({.backends = {&backend}, .toml = "[health]\nfailures = 1\n"});
  Client client(balancer);
  client.send(chunked("3\r\nabc\r\n"));
  ASSERT_TRUE(backend.wait_for_requests(1));
  client.send("nonsense\r\n");
  EXPECT_EQ(client.read_response().status(), 400);
  EXPECT_TRUE(client.wait_ended());
  EXPECT_TRUE(ended.wait());
  EXPECT_EQ(backend.request_count(), 1U);
  EXPECT_EQ(balancer.log().find("[down]"), std::string::npos);
}

}  // namespace
}  // namespace lb::e2e
