// Who the admin interface answers, and what it withstands.
#include <csignal>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "support/admin.hpp"
#include "support/config_file.hpp"

namespace lb::e2e {
namespace {

using namespace lb::support;  // NOLINT(google-build-using-namespace): the vocabulary of these tests

const std::string kQuiet = "[health]\ninterval = \"1h\"\n";

// The bytes as they are, on a connection of their own.
Message send_raw(const Balancer& balancer, std::string_view bytes) {
  Client client(balancer.admin_port());
  return client.ask(bytes);
}

std::string head(std::string_view line, std::string_view fields) {
  return std::string(line) + " HTTP/1.1\r\n" + std::string(fields) + "\r\n";
}

// Goal: with a token, only who shows it learns or does anything; the probes of orchestrators need none. Method: every
// way to get it wrong.
TEST(AdminGuard, asks_for_the_token) {
  ScriptedBackend a(always(ok("a")));
  Balancer balancer({.backends = {&a}, .toml = kQuiet + "[admin]\ntoken = \"s3cret-Token\"\n", .admin = true});
  const std::vector<std::string> wrong{
      "",
      "Authorization: Bearer s3cret-Toke\r\n",
      "Authorization: Bearer s3cret-Tokenn\r\n",
      "Authorization: Bearer s3cret-token\r\n",
      "Authorization: Bearer\r\n",
      "Authorization: Bearer \r\n",
      "Authorization: s3cret-Token\r\n",
      "Authorization: Basic s3cret-Token\r\n",
      "X-Token: s3cret-Token\r\n",
  };
  for (const std::string& fields : wrong) {
    for (const char* path : {"/status", "/metrics", "/openapi.json", "/nowhere"}) {
      const Message answer = admin_get(balancer, path, fields);
      EXPECT_EQ(answer.status(), 401) << path << " " << fields;
      EXPECT_TRUE(answer.head.value("WWW-Authenticate").starts_with("Bearer")) << answer.head.text;
    }
    EXPECT_EQ(admin_post(balancer, "/backends/disable", by_url(a.url()), fields).status(), 401) << fields;
  }
  EXPECT_EQ(ask_once(balancer, get()).body, "a");
  EXPECT_EQ(admin_get(balancer, "/healthz").status(), 200);
  EXPECT_EQ(admin_get(balancer, "/readyz").status(), 200);
  EXPECT_EQ(admin_get(balancer, "/status", "Authorization: Bearer s3cret-Token\r\n").status(), 200);
  EXPECT_EQ(admin_get(balancer, "/status", "authorization: bearer s3cret-Token\r\n").status(), 200);
  EXPECT_EQ(admin_get(balancer, "/nowhere", "Authorization: Bearer s3cret-Token\r\n").status(), 404);
  // Its Host may be a name then: that of a container, say.
  const std::string named = "Host: balancer:9090\r\n";
  EXPECT_EQ(send_raw(balancer, head("GET /status", named + "Authorization: Bearer s3cret-Token\r\n")).status(), 200);
  EXPECT_EQ(send_raw(balancer, head("GET /healthz", named)).status(), 403);
}

// Goal: a token that the file changes is asked for at once, on open connections, too.
TEST(AdminGuard, takes_a_new_token_at_once) {
  ScriptedBackend a(always(ok("a")));
  ConfigFile file(kQuiet + tables_of({&a}));
  Balancer balancer(file.flags(), Balancer::Admin::on);
  Client client(balancer.admin_port());
  const std::string ask = head("GET /status", "Host: localhost\r\n");
  EXPECT_EQ(client.ask(ask).status(), 200);
  reload(balancer, file, kQuiet + "[admin]\ntoken = \"abc\"\n" + tables_of({&a}));
  EXPECT_EQ(client.ask(ask).status(), 401);
  EXPECT_EQ(client.ask(head("GET /status", "Host: localhost\r\nAuthorization: Bearer abc\r\n")).status(), 200);
}

// Goal: the token may stand in a file, named by a flag, so that flags alone are enough; a new one is in force after
// SIGHUP, and one that cannot be read changes nothing.
TEST(AdminGuard, reads_its_token_from_a_file) {
  ScriptedBackend a(always(ok("a")));
  const TemporaryDirectory directory;
  const std::string path = directory.write("token", "the-first-token-1234\n");
  ConfigFile file(kQuiet + tables_of({&a}));
  Balancer balancer(file.flags({"-admin-address", "0.0.0.0", "-admin-token-file", path}), Balancer::Admin::on);
  const auto status_with = [&](const std::string& token) {
    return admin_get(balancer, "/status", "Authorization: Bearer " + token + "\r\n").status();
  };
  EXPECT_EQ(admin_get(balancer, "/status").status(), 401);
  EXPECT_EQ(status_with("the-first-token-1234"), 200);
  static_cast<void>(directory.write("token", "the-second-token-1234\n"));
  std::size_t from = balancer.log().size();
  balancer.signal(SIGHUP);
  ASSERT_TRUE(balancer.wait_for_log(kInForce, from));
  EXPECT_EQ(status_with("the-first-token-1234"), 401);
  EXPECT_EQ(status_with("the-second-token-1234"), 200);
  std::filesystem::remove(path);
  from = balancer.log().size();
  balancer.signal(SIGHUP);
  ASSERT_TRUE(balancer.wait_for_log("the configuration was refused", from));
  EXPECT_NE(balancer.log().find("-admin-token-file: \"" + path + "\": there is no such file", from), std::string::npos);
  EXPECT_EQ(status_with("the-second-token-1234"), 200);
  EXPECT_EQ(balancer.log().find("-token-1234"), std::string::npos) << "it is a secret";
}

// Goal: no page of another site can ask or order anything through a browser on this machine. Method: what a browser
// would send, by a rebound name, by a form, by fetch(); a preflight is answered without permission.
TEST(AdminGuard, refuses_foreign_pages) {
  ScriptedBackend a(always(ok("a")));
  Balancer balancer({.backends = {&a}, .toml = kQuiet, .admin = true});
  const std::string port = std::to_string(balancer.admin_port());
  for (const std::string host : {"evil.example", "evil.example:80", "localhost.evil.example", "127.0.0.1.evil.example",
                                 "1.2.3", "[::1", "xlocalhost"}) {
    const int status = send_raw(balancer, head("GET /status", "Host: " + host + "\r\n")).status();
    EXPECT_TRUE(status == 403 || status == 400) << host << " " << status;
  }
  for (const std::string host : {"localhost", "LOCALHOST:1", "a.localhost", "127.0.0.1", "[::1]:80", "10.0.0.5"}) {
    EXPECT_EQ(send_raw(balancer, head("GET /status", "Host: " + host + "\r\n")).status(), 200) << host;
  }
  for (const std::string site : {"cross-site", "same-site"}) {
    const std::string from = "Host: localhost\r\nSec-Fetch-Site: " + site + "\r\n";
    EXPECT_EQ(send_raw(balancer, head("GET /events", from)).status(), 403);
    EXPECT_EQ(send_raw(balancer, head("GET /status", from + "Sec-Fetch-Dest: empty\r\n")).status(), 403);
    EXPECT_EQ(send_raw(balancer, head("GET /status", from + "Sec-Fetch-Dest: document\r\n")).status(), 200) << "a link";
    EXPECT_EQ(send_raw(balancer, head("GET /", from)).status(), 200);
  }
  EXPECT_EQ(send_raw(balancer, head("GET /status", "Host: localhost\r\nSec-Fetch-Site: same-origin\r\n")).status(),
            200);
  const std::string body = by_url(a.url());
  const auto post = [&](const std::string& fields) {
    const std::string length = "Content-Length: " + std::to_string(body.size()) + "\r\n";
    return send_raw(balancer,
                    head("POST /backends/drain", "Host: localhost:" + port + "\r\n" + fields + length) + body);
  };
  EXPECT_EQ(post("").status(), 415);
  EXPECT_EQ(post("Content-Type: text/plain\r\n").status(), 415);
  EXPECT_EQ(post("Content-Type: application/x-www-form-urlencoded\r\n").status(), 415);
  EXPECT_EQ(post("Content-Type: text/plain; application/json\r\n").status(), 415);
  const std::string json = "Content-Type: application/json\r\n";
  EXPECT_EQ(post(json + "Origin: http://evil.example\r\n").status(), 403);
  EXPECT_EQ(post(json + "Origin: null\r\n").status(), 403);
  EXPECT_EQ(post(json + "Origin: http://localhost:" + port + "0\r\n").status(), 403);
  EXPECT_EQ(text_at(backend_of(balancer, a.url()), "/administration"), "active");
  const Message preflight = send_raw(balancer, head("OPTIONS /backends/drain",
                                                    "Host: localhost\r\nOrigin: http://evil.example\r\n"
                                                    "Access-Control-Request-Method: POST\r\n"));
  EXPECT_EQ(preflight.status(), 405);
  EXPECT_FALSE(preflight.head.has("Access-Control-Allow-Origin"));
  // Its own page may, also behind a terminator of TLS.
  EXPECT_EQ(post(json + "Origin: https://localhost:" + port + "\r\n").status(), 200);
  EXPECT_EQ(post("Content-Type: application/json; charset=utf-8\r\nOrigin: http://localhost:" + port + "\r\n").status(),
            200);
}

// Goal: what is no request, or too much of one, gets its status and the end of the connection; the server lives on.
TEST(AdminGuard, refuses_malformed_and_oversized_requests) {
  ScriptedBackend a(always(ok("a")));
  Balancer balancer({.backends = {&a}, .toml = kQuiet, .admin = true});
  const std::string host = "Host: localhost\r\n";
  const std::string json = host + "Content-Type: application/json\r\n";
  const std::string big(70'000, 'x');
  struct Case {
    std::string bytes;
    int status;
  };
  const std::vector<Case> cases{
      {"nonsense\r\n\r\n", 400},
      {"GET /status HTTP/1.1\r\n\r\n", 400},  // no Host
      {head("GET /status", host + "Host: localhost\r\n"), 400},
      {head("GET /status", host + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n"), 400},
      {"GET /status HTTP/2.0\r\n" + host + "\r\n", 505},
      {head("BREW /status", host), 405},
      {head("CONNECT localhost:1", host), 501},
      {head("GET /" + big, host), 414},
      {head("GET /status", host + "X: " + big + "\r\n"), 431},
      {head("POST /check", json + "Content-Length: 70000\r\n") + big, 413},
      {head("POST /check", json + "Transfer-Encoding: chunked\r\n") + "11170\r\n" + big + "\r\n0\r\n\r\n", 413},
      {head("POST /check", json + "Transfer-Encoding: chunked\r\n") + "zz\r\n", 400},
      {head("GET http://evil.example/status", host), 403},
      {head("GET http://localhost/Status", host), 404},
      {head("GET status", host), 400},
      {head("GET /status/", host), 404},
      {head("GET /Status", host), 404},
      {head("GET /%73tatus", host), 404},
      {head("DELETE /status", host), 405},
      {head("POST /status", json + "Content-Length: 0\r\n"), 405},
      {head("GET /check", host), 405},
  };
  for (const Case& row : cases) {
    const Message answer = send_raw(balancer, row.bytes);
    EXPECT_EQ(answer.status(), row.status) << row.bytes.substr(0, 60);
    EXPECT_TRUE(json_of(answer).as_object().contains("error"));
    EXPECT_EQ(answer.head.has("Allow"), row.status == 405) << answer.head.text;
  }
  EXPECT_EQ(admin_get(balancer, "/healthz").body, "ok\n");
}

// Goal: connections are kept, HEAD has no body, every answer forbids caching and guessing.
TEST(AdminGuard, speaks_http) {
  ScriptedBackend a(always(ok("a")));
  Balancer balancer({.backends = {&a}, .toml = kQuiet, .admin = true});
  Client client(balancer.admin_port());
  ASSERT_TRUE(client.send("HEAD /status HTTP/1.1\r\nHost: localhost\r\n\r\n"));
  const Message none = client.read_message(Kind::response_to_head);
  EXPECT_EQ(none.status(), 200);
  EXPECT_GT(std::stoi(none.head.value("Content-Length")), 100);
  for (const char* path : {"/status?x=1", "/metrics", "/openapi.json", "/nowhere"}) {
    const Message answer = client.ask("GET " + std::string(path) + " HTTP/1.1\r\nHost: localhost\r\n\r\n");
    EXPECT_EQ(answer.status(), path == std::string("/nowhere") ? 404 : 200) << path;
    EXPECT_EQ(answer.head.value("Cache-Control"), "no-store");
    EXPECT_EQ(answer.head.value("X-Content-Type-Options"), "nosniff");
    EXPECT_TRUE(answer.head.has("Date"));
  }
  const std::string body = "{}";
  ASSERT_TRUE(
      client.send("POST /check HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                  "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n"));
  const auto interim = client.read_head();
  ASSERT_TRUE(interim);
  EXPECT_TRUE(interim->start_line.starts_with("HTTP/1.1 100")) << interim->text;
  EXPECT_EQ(client.ask(body).status(), 200);
}

// Goal: however many watch, probes, orders and everybody else are served. Method: 40 who want to listen to events; the
// finer points are in tests/unit/admin/server_test.cpp.
TEST(AdminGuard, whoever_watches_locks_nobody_out) {
  ScriptedBackend a(always(ok("a")));
  Balancer balancer({.backends = {&a}, .toml = kQuiet, .admin = true});
  std::vector<std::unique_ptr<Client>> clients;
  int listening = 0;
  for (int i = 0; i < 40; ++i) {
    clients.push_back(std::make_unique<Client>(balancer.admin_port()));
    ASSERT_TRUE(clients.back()->send(head("GET /events", "Host: localhost\r\n")));
    const auto answer = clients.back()->read_head();
    ASSERT_TRUE(answer) << i;
    if (answer->text.starts_with("HTTP/1.1 200 ")) ++listening;
  }
  EXPECT_EQ(listening, 12);
  EXPECT_EQ(admin_get(balancer, "/healthz").status(), 200);
  EXPECT_EQ(admin_get(balancer, "/readyz").status(), 200);
  EXPECT_EQ(admin_get(balancer, "/status").status(), 200);
  EXPECT_EQ(admin_post(balancer, "/backends/drain", by_url(a.url())).status(), 200);
}

// Goal: those who ask nothing make room for those who do, whatever their number. Method: a hundred connections that are
// silent, or send half a head.
TEST(AdminGuard, connections_that_ask_nothing_shut_nobody_out) {
  ScriptedBackend a(always(ok("a")));
  Balancer balancer({.backends = {&a}, .toml = kQuiet, .admin = true});
  const std::string ask = head("GET /healthz", "Host: localhost\r\n");
  Client kept(balancer.admin_port());
  EXPECT_EQ(kept.ask(ask).status(), 200);
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < 100; ++i) {
    clients.push_back(std::make_unique<Client>(balancer.admin_port()));
    if (i % 2 == 0) {
      ASSERT_TRUE(clients.back()->send("GET /status HTTP/1.1\r\nHost:"));
    }
    EXPECT_EQ(send_raw(balancer, ask).status(), 200) << i;
  }
  EXPECT_TRUE(kept.wait_ended()) << "the oldest goes first";
}

// Goal: clients that trickle lose their connection after ten seconds, and meanwhile hold nobody up. Method: half a
// head, half a body.
TEST(AdminGuard, slow_clients_are_cut_off_and_disturb_nobody) {
  ScriptedBackend a(always(ok("a")));
  Balancer balancer({.backends = {&a}, .toml = kQuiet, .admin = true});
  Client half_head(balancer.admin_port());
  Client half_body(balancer.admin_port());
  ASSERT_TRUE(half_head.send("GET /status HTTP/1.1\r\nHost:"));
  ASSERT_TRUE(half_body.send(head("POST /check",
                                  "Host: localhost\r\nContent-Type: application/json\r\n"
                                  "Content-Length: 10\r\n") +
                             "{"));
  EXPECT_EQ(admin_get(balancer, "/status").status(), 200);
  EXPECT_EQ(ask_once(balancer, get()).body, "a");
  EXPECT_EQ(half_head.read_response().status(), 408);
  EXPECT_EQ(half_body.read_response().status(), 408);
}

// Goal: a port that is taken is the machine's refusal, before the main port opens; on a missing token, the user's.
TEST(AdminGuard, a_port_that_is_taken_ends_the_start) {
  ScriptedBackend taken(always(ok("taken")));
  const std::string port = std::to_string(taken.port());
  const Finished refused = run_binary({"-backends", taken.url(), "-port", "0", "-admin-port", port});
  EXPECT_EQ(refused.status, 1) << refused.err;
  EXPECT_NE(refused.err.find("the admin interface cannot listen on 127.0.0.1:" + port), std::string::npos)
      << refused.err;
  EXPECT_EQ(refused.err.find("listening on"), std::string::npos) << refused.err;
  const Finished open = run_binary({"-backends", taken.url(), "-admin-port", "1", "-admin-address", "0.0.0.0"});
  EXPECT_EQ(open.status, 2);
  EXPECT_NE(open.err.find("admin.token: is required"), std::string::npos) << open.err;
  const TemporaryDirectory directory;
  const Finished guessable = run_binary({"-backends", taken.url(), "-admin-port", "1", "-admin-address", "0.0.0.0",
                                         "-admin-token-file", directory.write("token", "0123456789abcde")});
  EXPECT_EQ(guessable.status, 2);
  EXPECT_NE(guessable.err.find("admin.token: is shorter than 16 characters"), std::string::npos) << guessable.err;
}

// Goal: a change of address or port on reload says that it takes a restart, and a token cannot get lost by it.
TEST(AdminGuard, address_and_port_take_a_restart) {
  ScriptedBackend a(always(ok("a")));
  ConfigFile file(kQuiet + "[admin]\naddress = \"0.0.0.0\"\ntoken = \"abcdefghijklmnop\"\n" + tables_of({&a}));
  Balancer balancer(file.flags(), Balancer::Admin::on);
  const std::size_t from = balancer.log().size();
  reload(balancer, file, kQuiet + "[admin]\naddress = \"127.0.0.1\"\ntoken = \"abc\"\n" + tables_of({&a}));
  const std::string said = balancer.log().substr(from);
  EXPECT_NE(said.find("admin.address has changed: that takes a restart"), std::string::npos) << said;
  EXPECT_EQ(said.find("admin.port has changed"), std::string::npos) << said;
  EXPECT_NE(said.find("admin.token stays as it was"), std::string::npos) << said;
  EXPECT_EQ(admin_get(balancer, "/status").status(), 401);
  EXPECT_EQ(admin_get(balancer, "/status", "Authorization: Bearer abcdefghijklmnop\r\n").status(), 200);
}

}  // namespace
}  // namespace lb::e2e
