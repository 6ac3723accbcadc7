// Authentication that logs a connection in (NTLM, Negotiate; RFC 4559): nobody else gets that connection.
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "support/balancer.hpp"

namespace lb::e2e {
namespace {

using namespace lb::support;  // NOLINT(google-build-using-namespace): the vocabulary of these tests
using Connection = ScriptedBackend::Connection;

std::string challenge(std::string_view field) {
  return "HTTP/1.1 401 Unauthorized\r\n" + std::string(field) + "\r\nContent-Length: 0\r\n\r\n";
}

// As IIS does it: the third message of the handshake logs its connection in, and every later request on that connection
// is that user's.
void authenticating(Connection& connection) {
  std::string user;
  while (const auto request = connection.read_request()) {
    const std::string credentials(request->head.value("Authorization"));
    const std::string_view scheme =
        request->head.start_line.find("/negotiate") != std::string::npos ? "Negotiate" : "NTLM";
    if (request->head.start_line.find("/basic") != std::string::npos) {
      connection.send(ok("basic"));
    } else if (credentials.ends_with(" one")) {
      connection.send(challenge("WWW-Authenticate: " + std::string(scheme) + " two"));
    } else if (const std::size_t three = credentials.find(" three-"); three != std::string::npos) {
      user = credentials.substr(three + 7);
      connection.send(ok("hello " + user));
    } else if (user.empty()) {
      connection.send(challenge("WWW-Authenticate: Basic realm=\"a, b\", " + std::string(scheme)));
    } else {
      connection.send(ok("hello " + user));
    }
  }
}

std::string log_in(Client& client, const std::string& path, const std::string& scheme, const std::string& user) {
  EXPECT_EQ(client.ask(get(path)).status(), 401);
  EXPECT_EQ(client.ask(get(path, "Authorization: " + scheme + " one\r\n")).status(), 401);
  return client.ask(get(path, "Authorization: " + scheme + " three-" + user + "\r\n")).body;
}

// Goal: a handshake works, over several backends, and what was logged in serves that client alone. Method: two users
// and somebody without credentials, each with a connection of its own, in turn. Before: others were greeted as alice.
TEST(ConnectionAuthentication, belongs_to_one_client_connection) {
  for (const std::string scheme : {"NTLM", "Negotiate"}) {
    const std::string path = scheme == "NTLM" ? "/ntlm" : "/negotiate";
    ScriptedBackend one(authenticating);
    ScriptedBackend two(authenticating);
    Balancer balancer({.backends = {&one, &two}});
    Client alice(balancer);
    Client bob(balancer);
    EXPECT_EQ(log_in(alice, path, scheme, "alice"), "hello alice");
    EXPECT_EQ(log_in(bob, path, scheme, "bob"), "hello bob");
    for (int i = 0; i < 6; ++i) {
      EXPECT_EQ(alice.ask(get(path)).body, "hello alice") << "what is logged in stays so";
      EXPECT_EQ(ask_once(balancer, get(path)).status(), 401) << "and is nobody else's";
      EXPECT_EQ(bob.ask(get(path)).body, "hello bob");
    }
    alice.close();
    for (int i = 0; i < 6; ++i) EXPECT_EQ(ask_once(balancer, get(path)).status(), 401) << "not even when alice is gone";
  }
}

// Goal: what does not log a connection in is pooled as ever. Method: Basic and Bearer credentials; the backend counts.
TEST(ConnectionAuthentication, other_schemes_share_connections) {
  ScriptedBackend backend(authenticating);
  Balancer balancer({.backends = {&backend}});
  for (const std::string field : {"Basic bnRsbTo=", "Bearer NTLM", "NTLMv3 x"}) {
    EXPECT_EQ(ask_once(balancer, get("/basic", "Authorization: " + field + "\r\n")).body, "basic");
  }
  EXPECT_EQ(backend.connections(), 1U);
}

// Goal: a connection that was logged in and has been closed is no failure. Method: the backend closes after the login;
// the next request goes on a new connection, where the client has to log in again.
TEST(ConnectionAuthentication, closed_connection_is_replaced_by_one_that_knows_nobody) {
  ScriptedBackend backend([](Connection& connection) {
    while (const auto request = connection.read_request()) {
      const bool logs_in = request->head.value("Authorization") == "NTLM three-alice";
      connection.send(logs_in ? ok("hello alice") : challenge("WWW-Authenticate: NTLM"));
      if (logs_in) return;
    }
  });
  Balancer balancer({.backends = {&backend}});
  Client alice(balancer);
  EXPECT_EQ(alice.ask(get()).status(), 401);
  EXPECT_EQ(alice.ask(get("/", "Authorization: NTLM three-alice\r\n")).body, "hello alice");
  EXPECT_EQ(alice.ask(get()).status(), 401);
  EXPECT_EQ(balancer.log().find("[down]"), std::string::npos);
}

}  // namespace
}  // namespace lb::e2e
