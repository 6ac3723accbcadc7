// What the binary does with its flags, before and instead of serving.
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "support/balancer.hpp"

namespace lb::e2e {
namespace {

using namespace lb::support;  // NOLINT(google-build-using-namespace): the vocabulary of these tests

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

// Goal: what the user wrote wrongly is exit status 2 and one message that helps. Method: each kind of mistake, with
// what its message has to name.
TEST(CommandLine, mistakes_of_the_user_exit_2_with_a_message) {
  const TemporaryDirectory directory;
  const std::string good = directory.write("good.toml", "[[backends]]\nurl = \"http://127.0.0.1:1\"\n");
  const std::string unknown_key = directory.write("key.toml", "[server]\nprot = 1\n[[backends]]\nurl = \"http://a\"\n");
  const std::string no_toml = directory.write("broken.toml", "[server\n");
  const std::string empty = directory.write("empty.toml", "");
  struct Case {
    std::vector<std::string> flags;
    std::vector<std::string> named;
  };
  const std::vector<Case> cases{
      {{}, {"no backends", "-backends"}},
      {{"-prot", "1"}, {"-prot", "-port"}},
      {{"-backends", "http://a", "-port", "70000"}, {"-port", "70000"}},
      {{"-backends", "http://a", "-port"}, {"-port"}},
      {{"-backends", "ftp://a"}, {"-backends", "ftp"}},
      {{"-backends", "http://a/path"}, {"-backends", "path"}},
      {{"-backends", "http://a,http://a:80"}, {"-backends", "twice"}},
      {{"-backends", "http://a", "-log-level", "loud"}, {"-log-level", "loud"}},
      {{"-backends", "http://a", "stray"}, {"stray"}},
      {{"-config", "/nonexistent/file.toml"}, {"/nonexistent/file.toml"}},
      {{"-config", unknown_key}, {unknown_key + ":2:1", "prot", "port"}},
      {{"-config", no_toml}, {no_toml + ":1"}},
      {{"-config", empty}, {"no backends"}},
      {{"-demo", "-config", good}, {"-demo"}},
  };
  for (const Case& row : cases) {
    const Finished finished = run_binary(row.flags);
    SCOPED_TRACE(testing::PrintToString(row.flags) + "\n" + finished.err);
    EXPECT_EQ(finished.status, 2);
    EXPECT_EQ(finished.out, "");
    for (const std::string& name : row.named) EXPECT_TRUE(contains(finished.err, name)) << name;
  }
}

// Goal: -check validates and exits, and needs neither the port nor the backends. Method: a good file, the file in
// config/, and a bad one.
TEST(CommandLine, check_validates_and_exits) {
  const TemporaryDirectory directory;
  const std::string good = directory.write("good.toml", "[[backends]]\nurl = \"http://127.0.0.1:1\"\n");
  const std::string bad =
      directory.write("bad.toml", "[retry]\nattempts = 0\nbody_bytes = 5\n[[backends]]\nurl = \"x y\"\n");
  EXPECT_EQ(run_binary({"-check", "-config", good}).status, 0);
  EXPECT_EQ(run_binary({"--check", "--config=" LB_SOURCE_DIR "/config/load-balancer.toml"}).status, 0);
  const Finished refused = run_binary({"-check", "-config", bad});
  EXPECT_EQ(refused.status, 2);
  // All mistakes at once, each with its place.
  for (const char* place : {":2:", ":3:", ":5:"}) EXPECT_TRUE(contains(refused.err, bad + place)) << refused.err;
}

// Goal: -version and -help print to standard output and exit 0, in every spelling. Method: one and two dashes.
TEST(CommandLine, version_and_help_exit_0) {
  for (const char* flag : {"-version", "--version"}) {
    const Finished finished = run_binary({flag});
    EXPECT_EQ(finished.status, 0);
    EXPECT_TRUE(finished.out.starts_with("load-balancer ")) << finished.out;
  }
  for (const char* flag : {"-help", "--help", "-h"}) {
    const Finished finished = run_binary({flag});
    EXPECT_EQ(finished.status, 0);
    for (const char* name : {"-backends", "-port", "-config", "-address", "-threads", "-log-level", "-check",
                             "-print-config", "-print-schema", "-demo", "-version"}) {
      EXPECT_TRUE(contains(finished.out, name)) << name;
    }
  }
}

// Goal: -demo serves with nothing else installed, from two backends in turn. Method: four requests; the page shows what
// arrived.
TEST(CommandLine, demo_serves_from_two_backends) {
  Balancer balancer(std::vector<std::string>{"-demo"});
  for (int i = 0; i < 4; ++i) {
    const Message answer = ask_once(balancer, get("/hello"));
    EXPECT_EQ(answer.status(), 200);
    EXPECT_TRUE(contains(answer.body, "demo backend " + std::to_string(i % 2 + 1))) << answer.body;
    EXPECT_TRUE(contains(answer.body, "X-Forwarded-For: 127.0.0.1"));
  }
}

// Goal: a second instance on the same port is refused with status 1 and one message, however the sockets are shared
// among workers, and takes no connection of the first. Method: all pairs of one and four threads.
TEST(CommandLine, second_instance_on_the_same_port_is_refused) {
  for (const char* first_threads : {"1", "4"}) {
    ScriptedBackend backend(always(ok("first")));
    Balancer first(std::vector<std::string>{"-backends", backend.url(), "-threads", first_threads});
    for (const char* second_threads : {"1", "4"}) {
      const Finished second =
          run_binary({"-backends", backend.url(), "-threads", second_threads, "-port", std::to_string(first.port())});
      EXPECT_EQ(second.status, 1);
      EXPECT_TRUE(contains(second.err, std::to_string(first.port()))) << second.err;
      EXPECT_FALSE(contains(second.err, "listening on")) << second.err;
    }
    for (int i = 0; i < 8; ++i) EXPECT_EQ(ask_once(first, get()).body, "first");
  }
}

// Goal: an address that this machine does not have is the machine's refusal. Method: one of the documentation range.
TEST(CommandLine, foreign_address_exits_1) {
  const Finished finished = run_binary({"-backends", "http://127.0.0.1:1", "-address", "192.0.2.1", "-port", "0"});
  EXPECT_EQ(finished.status, 1);
  EXPECT_TRUE(contains(finished.err, "192.0.2.1")) << finished.err;
}

// Goal: a flag overrides the file, and -address limits where it listens. Method: the file says another address and
// level.
TEST(CommandLine, flags_override_the_file) {
  ScriptedBackend backend(always(ok("ok")));
  Balancer balancer({.backends = {&backend},
                     .toml = "[server]\naddress = \"192.0.2.1\"\nport = 1\n",
                     .flags = {"-address", "127.0.0.1"}});
  EXPECT_TRUE(contains(balancer.log(), "listening on 127.0.0.1:")) << balancer.log();
  EXPECT_EQ(ask_once(balancer, get()).body, "ok");
  EXPECT_LT(connect_local_v6(balancer.port()).get(), 0);
}

}  // namespace
}  // namespace lb::e2e
