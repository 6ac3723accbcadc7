// Requests that are odd and still mean one thing: they pass, and what reaches the backend is no longer odd.
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "support/balancer.hpp"
#include "support/refusals.hpp"

namespace lb::e2e {
namespace {

using namespace lb::support;  // NOLINT(google-build-using-namespace): the vocabulary of these tests

struct Case {
  const char* name;
  std::string request;
  // What the backend gets, byte for byte: what stands before the balancer's own fields, and what stands behind them.
  std::string before;
  std::string behind;
};

const std::string kPost = "POST / HTTP/1.1\r\nHost: test\r\n";
const std::string kGet = "GET / HTTP/1.1\r\nHost: test\r\n";
const std::string kCoded = "Transfer-Encoding: chunked\r\n\r\n";

// Runs a table against one balancer. Behind each request stands another one in the same write: each of the two has to
// be one request for the backend and one answer for the client.
void expect_forwarded(const std::vector<Case>& cases) {
  ScriptedBackend backend(always(ok("fine")));
  Balancer balancer({.backends = {&backend}});
  std::size_t count = 0;
  for (const Case& row : cases) {
    SCOPED_TRACE(row.name);
    Client client(balancer);
    client.send(row.request + get("/behind"));
    EXPECT_EQ(client.read_response().body, "fine");
    EXPECT_EQ(client.read_response().body, "fine");
    client.shutdown_send();
    EXPECT_EQ(client.read_to_end(), "");
    const auto seen = backend.requests();
    ASSERT_EQ(seen.size(), count + 2);
    const Message& odd = seen[count].message;
    EXPECT_EQ(without_made_id(odd.head.text) + odd.framed, row.before + kForwardingFields + row.behind);
    EXPECT_EQ(without_made_id(seen[count + 1].message.head.text),
              "GET /behind HTTP/1.1\r\nHost: test\r\n" + kForwardingFields + "\r\n");
    count += 2;
  }
}

// Goal: every spelling of a length or coding that has one meaning only is accepted, and a coding is written anew.
// Method: white space, zeros, letters; fields that only resemble framing fields are ordinary ones.
TEST(OddRequest, framing_that_means_one_thing_passes) {
  expect_forwarded({
      {"CL: leading zeros", post("Content-Length: 0003\r\n", "abc"), kPost + "Content-Length: 3\r\n", "\r\nabc"},
      {"CL: no octal", post("Content-Length: 010\r\n", "abcdefghij"), kPost + "Content-Length: 10\r\n",
       "\r\nabcdefghij"},
      {"CL: spaces around", post("Content-Length:   3  \r\n", "abc"), kPost + "Content-Length: 3\r\n", "\r\nabc"},
      {"CL: zero", post("Content-Length: 0\r\n", ""), kPost + "Content-Length: 0\r\n", "\r\n"},
      {"CL: other letters", post("cONTENT-lENGTH: 3\r\n", "abc"), kPost + "cONTENT-lENGTH: 3\r\n", "\r\nabc"},
      {"CL: none for POST", post("", ""), kPost, "\r\n"},
      {"CL: in a value", post("X: Content-Length: 9\r\nContent-Length: 3\r\n", "abc"),
       kPost + "X: Content-Length: 9\r\nContent-Length: 3\r\n", "\r\nabc"},
      {"CL.0: a body that is a request", post("Content-Length: 38\r\n", "GET /smuggled HTTP/1.1\r\nHost: test\r\n\r\n"),
       kPost + "Content-Length: 38\r\n", "\r\nGET /smuggled HTTP/1.1\r\nHost: test\r\n\r\n"},
      {"CL.0: GET with a body", "GET / HTTP/1.1\r\nHost: test\r\nContent-Length: 3\r\n\r\nabc",
       kGet + "Content-Length: 3\r\n", "\r\nabc"},
      {"CL.0: DELETE with a body", "DELETE / HTTP/1.1\r\nHost: test\r\nContent-Length: 3\r\n\r\nabc",
       "DELETE / HTTP/1.1\r\nHost: test\r\nContent-Length: 3\r\n", "\r\nabc"},
      {"TE.0: OPTIONS with chunks", "OPTIONS / HTTP/1.1\r\nHost: test\r\n" + kCoded + "1\r\na\r\n0\r\n\r\n",
       "OPTIONS / HTTP/1.1\r\nHost: test\r\n", kCoded + "1\r\na\r\n0\r\n\r\n"},
      {"TE.0: GET with chunks", "GET / HTTP/1.1\r\nHost: test\r\n" + kCoded + "1\r\na\r\n0\r\n\r\n", kGet,
       kCoded + "1\r\na\r\n0\r\n\r\n"},
      {"TE.TE: letters", post("tRANSFER-eNCODING: cHUNKED\r\n", "0\r\n\r\n"), kPost, kCoded + "0\r\n\r\n"},
      {"TE.TE: tabs and spaces", post("Transfer-Encoding:\t chunked\t \r\n", "0\r\n\r\n"), kPost, kCoded + "0\r\n\r\n"},
      {"TE.TE: no space", post("Transfer-Encoding:chunked\r\n", "0\r\n\r\n"), kPost, kCoded + "0\r\n\r\n"},
      {"TE.TE: in a value", post("X: Transfer-Encoding: chunked\r\nContent-Length: 3\r\n", "abc"),
       kPost + "X: Transfer-Encoding: chunked\r\nContent-Length: 3\r\n", "\r\nabc"},
      {"TE.TE: what may be sent is no coding", post("TE: chunked\r\nContent-Length: 3\r\n", "abc"),
       kPost + "Content-Length: 3\r\n", "\r\nabc"},
      {"TE.TE: the content's coding is no framing", post("Content-Encoding: chunked\r\nContent-Length: 3\r\n", "abc"),
       kPost + "Content-Encoding: chunked\r\nContent-Length: 3\r\n", "\r\nabc"},
  });
}

// Goal: chunks are never copied as they came: sizes and extensions are written anew, in the one form that all programs
// read alike. Method: what the grammar of RFC 9112 section 7.1 allows and programs are known to trip over.
TEST(OddRequest, chunks_are_written_anew) {
  expect_forwarded({
      {"zeros before the size", chunked("00000000000000000003\r\nabc\r\n000\r\n\r\n"), kPost,
       kCoded + "3\r\nabc\r\n0\r\n\r\n"},
      {"letters of both cases", chunked("a\r\n0123456789\r\nB\r\n0123456789a\r\n0\r\n\r\n"), kPost,
       kCoded + "15\r\n01234567890123456789a\r\n0\r\n\r\n"},
      {"extension", chunked("1;a=b;c\r\nx\r\n0;d\r\n\r\n"), kPost, kCoded + "1\r\nx\r\n0\r\n\r\n"},
      {"empty extensions", chunked("1;;\r\nx\r\n0;\r\n\r\n"), kPost, kCoded + "1\r\nx\r\n0\r\n\r\n"},
      {"extension that looks like a size", chunked("1;5\r\nx\r\n0\r\n\r\n"), kPost, kCoded + "1\r\nx\r\n0\r\n\r\n"},
      {"quotes do not hide the line's end", chunked("1;a=\"\r\nx\r\n0;\"\r\n\r\n"), kPost,
       kCoded + "1\r\nx\r\n0\r\n\r\n"},
      {"backslash does not hide the line's end", chunked("1;a=\"\\\r\nx\r\n0\r\n\r\n"), kPost,
       kCoded + "1\r\nx\r\n0\r\n\r\n"},
      {"data that looks like the end", chunked("5\r\n0\r\n\r\n\r\n0\r\n\r\n"), kPost,
       kCoded + "5\r\n0\r\n\r\n\r\n0\r\n\r\n"},
      {"trailer with odd spaces", chunked("0\r\nX:\t a \t\r\nY:\r\n\r\n"), kPost, kCoded + "0\r\nX: a\r\nY: \r\n\r\n"},
  });
}

// Goal: odd request lines, hosts and lists that mean one thing pass. Method: empty lines before the request, empty list
// elements, hosts with every allowed character, values with bytes beyond ASCII.
TEST(OddRequest, heads_that_mean_one_thing_pass) {
  expect_forwarded({
      {"empty lines before it", "\r\n\r\n" + get(), kGet, "\r\n"},
      {"two slashes first", get("//other/path"), "GET //other/path HTTP/1.1\r\nHost: test\r\n", "\r\n"},
      {"scheme within a path", get("/http://other/"), "GET /http://other/ HTTP/1.1\r\nHost: test\r\n", "\r\n"},
      {"backslash within a path", get("/\\\\other/"), "GET /\\\\other/ HTTP/1.1\r\nHost: test\r\n", "\r\n"},
      {"encoded CRLF in the target", get("/%0d%0aX:%20y"), "GET /%0d%0aX:%20y HTTP/1.1\r\nHost: test\r\n", "\r\n"},
      {"tabs around the host", "GET / HTTP/1.1\r\nHost:\ttest\t\r\n\r\n", kGet, "\r\n"},
      {"bytes beyond ASCII in a value", get("/", "X: \xc2\x85\xe2\x80\xa8\xff\r\n"),
       kGet + "X: \xc2\x85\xe2\x80\xa8\xff\r\n", "\r\n"},
      {"tab within a value", get("/", "X: a\tb\r\n"), kGet + "X: a\tb\r\n", "\r\n"},
      {"no value", get("/", "X:\r\nY: \t\r\n"), kGet + "X: \r\nY: \r\n", "\r\n"},
      {"every character of a name", get("/", "!#$%&'*+-.^_`|~09azAZ: x\r\n"), kGet + "!#$%&'*+-.^_`|~09azAZ: x\r\n",
       "\r\n"},
      {"empty elements of Connection", get("/", "Connection: ,,\t, keep-alive,,\r\n"), kGet, "\r\n"},
      {"Connection that names nothing", get("/", "Connection:\r\n"), kGet, "\r\n"},
      {"quoted option", get("/", "Connection: \"X\"\r\nX: y\r\n"), kGet + "X: y\r\n", "\r\n"},
  });
}

// Goal: hop-by-hop abuse: what a client names in Connection ends here (RFC 9110 section 7.6.1), but never what the
// balancer itself says, and a close is heard among other options. Method: fields that backends trust.
TEST(OddRequest, connection_takes_away_the_clients_fields_alone) {
  expect_forwarded({
      {"credentials", get("/", "Connection: cookie, Authorization\r\nCookie: a\r\nAuthorization: b\r\n"), kGet, "\r\n"},
      {"forwarding fields",
       get("/",
           "Connection: x-forwarded-for, x-forwarded-proto, x-forwarded-host, via\r\nX-Forwarded-For: 192.0.2.1\r\n"
           "X-Forwarded-Proto: https\r\nX-Forwarded-Host: other\r\nVia: 1.1 other\r\n"),
       kGet, "\r\n"},
      {"options in several fields", get("/", "Connection: a\r\nA: 1\r\nB: 2\r\nC: 3\r\nconnection: c\r\n"),
       kGet + "B: 2\r\n", "\r\n"},
  });
  ScriptedBackend backend(always(ok("fine")));
  Balancer balancer({.backends = {&backend}});
  Client client(balancer);
  const Message answer = client.ask(get("/", "Connection: X, close\r\nX: y\r\n") + get("/behind"));
  EXPECT_EQ(answer.head.value("Connection"), "close");
  EXPECT_EQ(client.read_to_end(), "");
  EXPECT_EQ(backend.request_count(), 1U);
}

// Goal: an expectation never changes where a request ends. Method: unknown, repeated and listed ones, and one without a
// body; the body came with the head.
TEST(OddRequest, expectations_do_not_change_the_framing) {
  const auto with = [](const char* name, const std::string& fields) -> Case {
    return {name, post(fields + "Content-Length: 3\r\n", "abc"), kPost + fields + "Content-Length: 3\r\n", "\r\nabc"};
  };
  expect_forwarded({
      with("the usual one", "Expect: 100-continue\r\n"),
      with("letters", "eXPECT: 100-CONTINUE\r\n"),
      with("repeated", "Expect: 100-continue\r\nExpect: 100-continue\r\n"),
      with("listed", "Expect: 100-continue, 100-continue\r\n"),
      with("two words", "Expect: y 100-continue\r\n"),
      with("unknown", "Expect: 200-ok\r\n"),
      with("empty", "Expect: \r\n"),
      {"none for a body", get("/", "Expect: 100-continue\r\n"), kGet + "Expect: 100-continue\r\n", "\r\n"},
  });
}

// Goal: an upgrade that is not agreed to leaves everything HTTP: a body belongs to its request, and what stands behind
// it is the next one. Method: refused upgrades, with and without bodies, and with h2c.
TEST(OddRequest, refused_upgrades_leave_the_framing_alone) {
  const std::string fields = "Connection: upgrade\r\nUpgrade: websocket\r\n";
  const std::string asked = "Upgrade: websocket\r\nConnection: upgrade\r\n";
  expect_forwarded({
      {"without a body", get("/", fields), kGet, asked + "\r\n"},
      {"with a length", post(fields + "Content-Length: 3\r\n", "abc"), kPost + "Content-Length: 3\r\n",
       asked + "\r\nabc"},
      {"with chunks", post(fields + "Transfer-Encoding: chunked\r\n", "1\r\na\r\n0\r\n\r\n"), kPost,
       asked + kCoded + "1\r\na\r\n0\r\n\r\n"},
      {"h2c beside another", get("/", "Connection: upgrade\r\nUpgrade: websocket, H2C\r\n"), kGet, "\r\n"},
      {"h2c in a second field", get("/", "Connection: upgrade\r\nUpgrade: websocket\r\nupgrade: h2c\r\n"), kGet,
       "\r\n"},
      {"not named in Connection", get("/", "Upgrade: websocket\r\n"), kGet, "\r\n"},
  });
}

// Goal: what stands behind an upgrade reaches the backend once that has agreed and not before: until then it may be the
// next request. Method: bytes in the same write as the request; the backend looks for them before it answers.
TEST(OddRequest, bytes_behind_an_upgrade_wait_for_the_agreement) {
  ScriptedBackend backend([](ScriptedBackend::Connection& connection) {
    if (!connection.read_request_head()) return;
    EXPECT_TRUE(connection.quiet_for(Duration(200)));
    connection.send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n");
    EXPECT_EQ(connection.read_exactly(get("/behind").size()), get("/behind"));
  });
  Balancer balancer({.backends = {&backend}});
  Client client(balancer);
  client.send(get("/", "Connection: upgrade\r\nUpgrade: websocket\r\n") + get("/behind"));
  const auto head = client.read_head();
  ASSERT_TRUE(head);
  EXPECT_EQ(head->start_line, "HTTP/1.1 101 Switching Protocols");
  EXPECT_TRUE(client.wait_ended());
  EXPECT_EQ(backend.request_count(), 1U);
}

// Goal: HTTP/1.0 is forwarded as 1.1 without a change of meaning. Method: a body with and without keep-alive, and what
// 1.0 does not have: expectations and upgrades (RFC 9110 sections 7.8 and 10.1.1).
TEST(OddRequest, http_1_0_is_forwarded_as_1_1) {
  ScriptedBackend backend(always(ok("fine")));
  Balancer balancer({.backends = {&backend}});
  Client client(balancer);
  client.send(
      "POST / HTTP/1.0\r\nHost: test\r\nConnection: keep-alive, upgrade\r\nUpgrade: websocket\r\nExpect: "
      "100-continue\r\n"
      "Content-Length: 3\r\n\r\nabcGET /behind HTTP/1.0\r\nHost: test\r\n\r\nGET /never HTTP/1.0\r\n\r\n");
  EXPECT_EQ(client.read_response().body, "fine");
  EXPECT_EQ(client.read_response().body, "fine");
  EXPECT_EQ(client.read_to_end(), "");
  const auto seen = backend.requests();
  ASSERT_EQ(seen.size(), 2U);
  const std::string added =
      "X-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: test\r\nVia: 1.0 load-balancer\r\n";
  EXPECT_EQ(without_made_id(seen[0].message.head.text) + seen[0].message.framed,
            kPost + "Content-Length: 3\r\n" + added + "\r\nabc");
  EXPECT_EQ(without_made_id(seen[1].message.head.text), "GET /behind HTTP/1.1\r\nHost: test\r\n" + added + "\r\n");
}

// Goal: a trailer must not say what the balancer or the backend decides by the head: who the client is, what it may do,
// what the content is (RFC 9110 section 6.5.1); a backend that merges trailers into the head would believe it. Method:
// one trailer each, beside one that stays.
TEST(OddRequest, trailers_that_backends_would_trust_end_here) {
  for (const char* name : {"X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "X_Forwarded_For", "Forwarded",
                           "Via", "X-Request-Id", "Authorization", "Cookie", "Content-Encoding", "Content-Type",
                           "Content-Range", "Cache-Control", "Range", "If-Match", "Set-Cookie"}) {
    expect_forwarded({{name, chunked("0\r\n" + std::string(name) + ": x\r\nX-Stays: 1\r\n\r\n"), kPost,
                       kCoded + "0\r\nX-Stays: 1\r\n\r\n"}});
  }
}

// Goal: a backend that makes no difference between an underscore and a hyphen, as CGI does not, is not told by the
// client what the balancer says of it. Method: twins of the fields that the balancer sets.
TEST(OddRequest, twins_of_forwarding_fields_end_here) {
  expect_forwarded({
      {"all underscores", get("/", "X_Forwarded_For: 6.6.6.6\r\nX_Forwarded_Proto: https\r\n"), kGet, "\r\n"},
      {"some", get("/", "X-Forwarded_Host: evil\r\nx_forwarded-for: 6.6.6.6\r\n"), kGet, "\r\n"},
      {"others stay", get("/", "X_Other: y\r\n"), kGet + "X_Other: y\r\n", "\r\n"},
  });
}

// Goal: what a backend makes of a body that it does not expect is nobody else's answer (RFC 9110 section 9.3.1).
// Method: a backend that does not read the body of a GET and takes it for the next request, on a connection that it
// keeps.
TEST(OddRequest, connection_is_not_used_again_after_content_of_a_get) {
  for (const std::string method : {"GET", "DELETE", "OPTIONS"}) {
    SCOPED_TRACE(method);
    ScriptedBackend backend([](ScriptedBackend::Connection& connection) {
      while (const auto head = connection.read_request_head()) {
        connection.send(ok(head->start_line.find("/evil") != std::string::npos ? "forged" : "true"));
      }
    });
    Balancer balancer({.backends = {&backend}});
    const std::string body = "GET /evil HTTP/1.1\r\nHost: e\r\n\r\n";
    Client first(balancer);
    first.send(method + " / HTTP/1.1\r\nHost: test\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
               body);
    EXPECT_EQ(first.read_response().body, "true");
    EXPECT_EQ(ask_once(balancer, get("/next")).body, "true");
  }
}

// Goal: RFC 9110 section 7.6.1: what Connection names ends here, as a field of the head or of the trailers. Method:
// both, beside a trailer that stays.
TEST(OddRequest, trailers_that_connection_names_end_here) {
  expect_forwarded({
      {"named", post("Connection: x-sum\r\nTransfer-Encoding: chunked\r\n", "0\r\nX-Sum: 1\r\nX-Stays: 2\r\n\r\n"),
       kPost, kCoded + "0\r\nX-Stays: 2\r\n\r\n"},
  });
}

// Goal: Expect is a list (RFC 9110 section 10.1.1): a client that waits for 100 is told of it, however the list is
// written. Method: 100-continue twice; the body follows the 100.
TEST(OddRequest, listed_expectation_is_heard) {
  ScriptedBackend backend([](ScriptedBackend::Connection& connection) {
    while (connection.read_request_head()) {
      connection.send("HTTP/1.1 100 Continue\r\n\r\n");
      EXPECT_EQ(connection.read_request_body().body, "abc");
      connection.send(ok("fine"));
    }
  });
  Balancer balancer({.backends = {&backend}});
  Client client(balancer);
  client.send(post("Expect: 100-continue, 100-continue\r\nContent-Length: 3\r\n", ""));
  const auto agreed = client.read_head(within(Duration(5'000)));
  client.send("abc");
  ASSERT_TRUE(agreed) << "the backend's 100 was swallowed";
  EXPECT_EQ(agreed->start_line, "HTTP/1.1 100 Continue");
  EXPECT_EQ(client.read_response().body, "fine");
}

// Goal: a head costs what its bytes cost, however many options its Connection names: a worker that is busy with one
// head serves nobody else. Method: the largest head that can be configured, which takes milliseconds to read once and
// seconds to read once for each field.
TEST(OddRequest, many_connection_options_do_not_hold_the_worker) {
  ScriptedBackend backend(always(ok("fine")));
  Balancer balancer(
      {.backends = {&backend}, .toml = "[server.limits]\nheader_bytes = \"1MiB\"\nheader_count = 1000\n"});
  std::string fields;
  for (int i = 0; i < 990; ++i) fields += "X-" + std::to_string(i) + ": y\r\n";
  fields += "Connection: x";
  for (int i = 0; i < 500'000; ++i) fields += ",x";
  Client client(balancer);
  client.send(get("/", fields.substr(0, 1'000'000) + "\r\n"));
  // 200 and a refusal are both right.
  EXPECT_TRUE(client.read_head(within(Duration(4'000))));
}

}  // namespace
}  // namespace lb::e2e
