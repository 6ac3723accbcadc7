// What a supervisor is told (sd_notify(3)): when the balancer serves, reads its file again, and stops.
#include <charconv>
#include <chrono>
#include <csignal>
#include <string>

#include <gtest/gtest.h>

#include "support/balancer.hpp"
#include "support/black_hole.hpp"
#include "support/config_file.hpp"
#include "support/notify_socket.hpp"

namespace lb::e2e {
namespace {

using namespace lb::support;  // NOLINT(google-build-using-namespace): the vocabulary of these tests
using Connection = ScriptedBackend::Connection;

// systemd compares it with CLOCK_MONOTONIC, to tell this reload from one before.
void expect_reloading(const std::optional<std::string>& message, base::TimePoint not_before) {
  ASSERT_TRUE(message);
  const std::string beginning = "RELOADING=1\nMONOTONIC_USEC=";
  ASSERT_TRUE(message->starts_with(beginning)) << *message;
  std::int64_t microseconds = 0;
  std::from_chars(message->data() + beginning.size(), message->data() + message->size(), microseconds);
  const auto at = std::chrono::microseconds(microseconds);
  EXPECT_GE(at, std::chrono::floor<std::chrono::microseconds>(not_before.time_since_epoch()));
  EXPECT_LE(at, now().time_since_epoch());
}

// Goal: each message, in order, at its time. Method: the port takes a connection when READY=1 is there; a good reload
// and a refused one both end in READY=1; then SIGTERM. With a socket that is a file, and one that is not.
TEST(Notify, tells_of_start_reload_and_stop) {
  for (const auto name : {NotifySocket::Name::file, NotifySocket::Name::abstract}) {
    NotifySocket supervisor(name);
    ScriptedBackend a(always(ok("a")));
    ConfigFile file(tables_of({&a}));
    Process process(file.flags({"-port", "0", "-threads", "1"}));
    EXPECT_EQ(supervisor.receive(), "READY=1");
    const auto line = process.wait_for_log("listening on [::]:");
    ASSERT_TRUE(line) << process.err();
    const auto port = static_cast<std::uint16_t>(std::stoi(line->substr(line->find("]:") + 2)));
    EXPECT_GE(connect_local(port).get(), 0);
    for (const std::string& text : {tables_of({&a}), std::string("rubbish")}) {
      file.write(text);
      const base::TimePoint before = now();
      process.signal(SIGHUP);
      expect_reloading(supervisor.receive(), before);
      EXPECT_EQ(supervisor.receive(), "READY=1");
    }
    process.signal(SIGTERM);
    EXPECT_EQ(supervisor.receive(), "STOPPING=1");
    EXPECT_EQ(process.wait_exit(), 0);
    EXPECT_FALSE(supervisor.receive(now())) << "nothing more to say";
  }
}

// Goal: READY=1 never comes before the port is open. Method: a reload is asked for during the first round of checks,
// which a backend holds back. Found: the reload's own READY=1 came first.
TEST(Notify, a_reload_during_the_first_round_does_not_say_ready) {
  NotifySocket supervisor(NotifySocket::Name::abstract);
  Gate gate;
  ScriptedBackend a([&gate](Connection& connection) {
    while (connection.read_request() && gate.wait()) connection.send(ok("a"));
  });
  const std::string text = "health = { check = \"http\", timeout = \"20s\" }\n" + tables_of({&a});
  ConfigFile file(text);
  Process process(file.flags({"-port", "0"}));
  ASSERT_TRUE(a.wait_for_requests(1));
  file.write("health = { check = \"tcp\" }\n" + tables_of({&a}));
  process.signal(SIGHUP);
  for (;;) {
    const auto message = supervisor.receive();
    ASSERT_TRUE(message);
    if (*message != "READY=1") continue;
    // The log may take a moment longer; the first round, which is bounded by a second, ten times that.
    EXPECT_TRUE(process.wait_for_log("listening on", 0, within(Duration(100)))) << "no port yet:\n" << process.err();
    break;
  }
  gate.open();
}

// Goal: after STOPPING=1 nothing says READY=1. Method: a reload that checks a new backend, which swallows connections,
// is under way when SIGTERM comes; a request in flight keeps the process longer than the check. Found: it did.
TEST(Notify, a_reload_that_ends_while_stopping_does_not_say_ready) {
  NotifySocket supervisor(NotifySocket::Name::file);
  BlackHole hole;
  hole.swallow();
  Gate gate;
  ScriptedBackend a([&gate](Connection& connection) {
    while (connection.read_request() && gate.wait()) connection.send(ok("a"));
  });
  ConfigFile file(tables_of({&a}));
  Balancer balancer(file.flags());
  EXPECT_EQ(supervisor.receive(), "READY=1");
  Client client(balancer);
  client.send(get());
  ASSERT_TRUE(a.wait_for_requests(1));
  file.write(tables_of({&a}) + table_of(hole.url()));
  balancer.signal(SIGHUP);
  const auto reloading = supervisor.receive();
  ASSERT_TRUE(reloading);
  balancer.signal(SIGTERM);
  EXPECT_EQ(supervisor.receive(), "STOPPING=1");
  EXPECT_EQ(supervisor.receive(within(Duration(1500))), std::nullopt) << "the check of the new backend takes a second";
  gate.open();
  EXPECT_EQ(client.read_response().body, "a");
  EXPECT_EQ(balancer.wait_exit(), 0);
}

// Goal: a supervisor that is not there, or a name that is none, changes nothing.
TEST(Notify, a_socket_that_does_not_exist_is_ignored) {
  ScriptedBackend a(always(ok("a")));
  for (const std::string& name : {std::string("/nowhere/at/all"), std::string("@"), std::string("relative"),
                                  std::string(), "/" + std::string(200, 'x')}) {
    ::setenv("NOTIFY_SOCKET", name.c_str(), 1);
    Balancer balancer(std::vector<std::string>{"-backends", a.url()});
    ::unsetenv("NOTIFY_SOCKET");
    EXPECT_EQ(ask_once(balancer, get()).body, "a") << name;
  }
}

}  // namespace
}  // namespace lb::e2e
