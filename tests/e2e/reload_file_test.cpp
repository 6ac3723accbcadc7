// SIGHUP: what of the file takes effect, and what is wrong with it.
#include <algorithm>
#include <chrono>
#include <csignal>
#include <string>
#include <unistd.h>

#include <gtest/gtest.h>

#include "support/balancer.hpp"
#include "support/black_hole.hpp"
#include "support/config_file.hpp"
#include "support/load.hpp"

namespace lb::e2e {
namespace {

using namespace lb::support;  // NOLINT(google-build-using-namespace): the vocabulary of these tests
using Connection = ScriptedBackend::Connection;

// One worker, so that there is one order of picks, and idle connections that outlast a slow test.
const std::string kQuiet = "server.threads = 1\npool.idle_timeout = \"1m\"\n";

// Goal: a bad file changes nothing and says where it is wrong. Method: several mistakes, a file that is no TOML, one
// without backends, and none at all; then a good one.
TEST(Reload, a_bad_file_changes_nothing_and_says_where) {
  ScriptedBackend a(always(ok("a")));
  ScriptedBackend b(always(ok("b")));
  ConfigFile file(kQuiet + tables_of({&a}));
  Balancer balancer(file.flags());
  EXPECT_EQ(letters(balancer, 1), "a");
  const auto refused = [&](const std::string& text, const std::string& where) {
    const std::size_t from = balancer.log().size();
    file.write(text);
    balancer.signal(SIGHUP);
    ASSERT_TRUE(balancer.wait_for_log(kRefused, from)) << balancer.log();
    EXPECT_NE(balancer.log().find(file.path() + where, from), std::string::npos) << where << "\n" << balancer.log();
    EXPECT_EQ(letters(balancer, 2), "aa");
  };
  refused(tables_of({&b}) + "wait = 1\n[retry]\nattempts = 99\n", ":3:1: backends.wait");
  refused(tables_of({&b}) + "wait = 1\n[retry]\nattempts = 99\n", ":5:12: retry.attempts: 99");
  refused("[[backends]\n", ":1:");
  refused("log.level = \"info\"\n", ": ");
  ASSERT_EQ(::unlink(file.path().c_str()), 0);
  const std::size_t from = balancer.log().size();
  balancer.signal(SIGHUP);
  ASSERT_TRUE(balancer.wait_for_log(kRefused, from)) << balancer.log();
  EXPECT_EQ(letters(balancer, 2), "aa");
  EXPECT_EQ(b.request_count(), 0U);
  EXPECT_EQ(a.connections(), 1U);
  reload(balancer, file, kQuiet + tables_of({&b}));
  EXPECT_EQ(letters(balancer, 1), "b");
}

// Goal: without a file there is nothing to read, and SIGHUP says so.
TEST(Reload, without_a_file_sighup_warns) {
  ScriptedBackend a(always(ok("a")));
  Balancer balancer(std::vector<std::string>{"-backends", a.url()});
  balancer.signal(SIGHUP);
  const auto line = balancer.wait_for_log("-config");
  ASSERT_TRUE(line) << balancer.log();
  EXPECT_NE(line->find("warning"), std::string::npos) << *line;
  EXPECT_EQ(letters(balancer, 1), "a");
}

// Goal: changed settings count at once, for connections that are open already, too.
TEST(Reload, settings_take_effect_without_a_restart) {
  ScriptedBackend hangs([](Connection& connection) {
    while (connection.read_request()) static_cast<void>(connection.wait_ended());
  });
  ConfigFile file(kQuiet + tables_of({&hangs}));
  Balancer balancer(file.flags());
  Client client(balancer);
  reload(balancer, file,
         kQuiet + "server.timeouts.first_response_byte = \"200ms\"\nretry.attempts = 1\nhealth.failures = 1\n" +
             "log.level = \"debug\"\n[server.limits]\nheader_bytes = \"1KiB\"\n" + tables_of({&hangs}));
  const auto begun = now();
  EXPECT_EQ(client.ask(get()).status(), 504);
  EXPECT_LT(now() - begun, std::chrono::seconds(10));
  EXPECT_EQ(hangs.request_count(), 1U) << "one attempt";
  EXPECT_TRUE(balancer.wait_for_log("[down] (1 retries failed)")) << balancer.log();
  EXPECT_TRUE(balancer.wait_for_log(" debug ")) << balancer.log();
  EXPECT_EQ(ask_once(balancer, get("/", "X-Long: " + std::string(4000, 'x') + "\r\n")).status(), 431);
}

// Goal: what a running server cannot change is said, and stays as it was; what is unchanged is not named. Method: the
// port is 0 in the file, so that a free one is taken. Found: the comparison was with the last file, not with what runs.
TEST(Reload, keys_that_need_a_restart_are_warned_about) {
  ScriptedBackend a(always(ok("a")));
  ConfigFile file("server = { address = \"127.0.0.1\", port = 0, threads = 1 }\n" + tables_of({&a}));
  Process process(file.flags());
  const auto line = process.wait_for_log("listening on 127.0.0.1:");
  ASSERT_TRUE(line);
  const auto port = static_cast<std::uint16_t>(std::stoi(line->substr(line->find("127.0.0.1:") + 10)));
  const auto reload_with = [&](const std::string& text) {
    const std::size_t from = process.err().size();
    file.write(text + tables_of({&a}));
    process.signal(SIGHUP);
    EXPECT_TRUE(process.wait_for_log(kInForce, from)) << process.err();
    return process.err().substr(from);
  };
  EXPECT_EQ(reload_with("server = { address = \"127.0.0.1\", port = 0, threads = 1 }\n").find("restart"),
            std::string::npos);
  const std::string said = reload_with("server = { address = \"::1\", port = 1, threads = 2 }\n");
  for (const char* key : {"server.address has changed", "server.port has changed", "server.threads has changed"}) {
    EXPECT_NE(said.find(key), std::string::npos) << said;
  }
  Client client(port);
  EXPECT_EQ(client.ask(get()).body, "a");
  // Still not what runs.
  const std::string again = reload_with("server = { address = \"::1\", port = 1, threads = 2 }\n");
  EXPECT_NE(again.find("server.port has changed"), std::string::npos) << again;
  const std::string back = reload_with("server = { address = \"127.0.0.1\", port = 0, threads = 1 }\n");
  EXPECT_EQ(back.find("has changed"), std::string::npos) << "as it runs, there is nothing to say:\n" << back;
}

}  // namespace
}  // namespace lb::e2e
