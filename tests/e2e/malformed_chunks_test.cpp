// Request bodies whose chunks or trailers are refused, or break off.
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "support/balancer.hpp"
#include "support/refusals.hpp"

namespace lb::e2e {
namespace {

using namespace lb::support;  // NOLINT(google-build-using-namespace): the vocabulary of these tests

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
      {"two other bytes behind the data", chunked("1\r\naXX0\r\n\r\n")},
      {"LF CR behind the data", chunked("1\r\na\n\r0\r\n\r\n")},
      {"bare CR behind the data", chunked("1\r\na\r0\r\n\r\n")},
      {"two CRLF behind the data", chunked("1\r\na\r\n\r\n0\r\n\r\n")},
      {"0X", chunked("0X1\r\na\r\n0\r\n\r\n")},
      {"h behind the size", chunked("1h\r\na\r\n0\r\n\r\n")},
      {"underscore in the size", chunked("0_1\r\na\r\n0\r\n\r\n")},
      {"minus zero", chunked("-0\r\n\r\n")},
      {"fraction", chunked("1.0\r\na\r\n0\r\n\r\n")},
      {"quoted size", chunked("\"1\"\r\na\r\n0\r\n\r\n")},
      {"comma behind the size", chunked("1,\r\na\r\n0\r\n\r\n")},
      {"beyond 63 bits", chunked("8000000000000000\r\na\r\n0\r\n\r\n")},
      {"overflow to one in 32 bits, too", chunked("100000000000000000000001\r\na\r\n0\r\n\r\n")},
      {"tab before the size", chunked("\t1\r\na\r\n0\r\n\r\n")},
      {"tab behind the size", chunked("1\t\r\na\r\n0\r\n\r\n")},
      {"vertical tab behind the size", chunked("1\x0b\r\na\r\n0\r\n\r\n")},
      {"no-break space behind the size", chunked("1\xa0\r\na\r\n0\r\n\r\n")},
      {"NUL behind the size", chunked(std::string("1\0\r\na\r\n0\r\n\r\n", 12))},
      {"CR CR LF behind the size", chunked("1\r\r\na\r\n0\r\n\r\n")},
      {"TERM.EXT: bare LF, then a size", chunked("1;a\n5\r\nab\r\n0\r\n\r\n")},
      {"EXT.TERM: bare LF before CRLF", chunked("1;a\n\r\na\r\n0\r\n\r\n")},
      {"bare CR in an extension", chunked("1;a\rb\r\na\r\n0\r\n\r\n")},
      {"bare LF in a quoted extension", chunked("1;a=\"\nb\"\r\na\r\n0\r\n\r\n")},
      {"bare LF in the last extension", chunked("0;a\n\r\n\r\n")},
      {"extension without a size", chunked(";a\r\na\r\n0\r\n\r\n")},
      {"bare LF behind the last size", chunked("0\n\r\n")},
      {"bare LF for the empty line", chunked("0\r\n\n")},
      {"bare CR for the empty line", chunked("0\r\n\rX")},
      {"bare LF in an extension", chunked("1;a\nb\r\na\r\n0\r\n\r\n")},
      {"NUL in an extension", chunked(std::string("1;\0\r\na\r\n0\r\n\r\n", 13))},
      {"long extension", chunked("1;" + std::string(8000, 'x') + "\r\na\r\n0\r\n\r\n")},
      {"length in the trailers", chunked("0\r\nContent-Length: 5\r\n\r\n")},
      {"coding in the trailers", chunked("0\r\nTransfer-Encoding: chunked\r\n\r\n")},
      {"Host in the trailers", chunked("0\r\nHost: other\r\n\r\n")},
      {"bare LF in the trailers", chunked("0\r\nX: y\n\r\n")},
      {"folded trailer", chunked("0\r\nX: y\r\n z\r\n\r\n")},
      {"trailer without a colon", chunked("0\r\nX\r\n\r\n")},
      {"trailer without a name", chunked("0\r\n: y\r\n\r\n")},
      {"trailer folded first", chunked("0\r\n X: y\r\n\r\n")},
      {"space before a trailer's colon", chunked("0\r\nX : y\r\n\r\n")},
      {"non-ASCII name in the trailers", chunked("0\r\nX\xc3\xa9: y\r\n\r\n")},
      {"bare CR in the trailers", chunked("0\r\nX: y\rContent-Length: 3\r\n\r\n")},
      {"NUL in the trailers", chunked(std::string("0\r\nX: a\0b\r\n\r\n", 13))},
      {"Connection in the trailers", chunked("0\r\nConnection: close\r\n\r\n")},
      {"Upgrade in the trailers", chunked("0\r\nUpgrade: websocket\r\n\r\n")},
      {"Expect in the trailers", chunked("0\r\nExpect: 100-continue\r\n\r\n")},
      {"TE in the trailers", chunked("0\r\nTE: trailers\r\n\r\n")},
      {"Trailer in the trailers", chunked("0\r\nTrailer: X\r\n\r\n")},
      {"Keep-Alive in the trailers", chunked("0\r\nKeep-Alive: timeout=1\r\n\r\n")},
      {"credentials in the trailers", chunked("0\r\nProxy-Authorization: Basic eA==\r\n\r\n")},
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

// Goal: a body is not all extensions: reading them costs, and they are not counted by body_bytes. Method: one byte of
// data in each chunk, and 3 KiB of extension.
TEST(MalformedRequest, more_chunk_extensions_than_data) {
  std::string body;
  for (int i = 0; i < 10; ++i) body += "1;" + std::string(3'000, 'x') + "\r\na\r\n";
  ScriptedBackend backend(always(ok("fine")));
  Balancer balancer({.backends = {&backend}});
  EXPECT_EQ(ask_once(balancer, chunked(body + "0\r\n\r\n")).status(), 400);
}

}  // namespace
}  // namespace lb::e2e
