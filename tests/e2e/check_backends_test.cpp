// -check tries each backend once and says how that went; a backend that is down is no mistake in the configuration.
#include <filesystem>
#include <regex>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "support/balancer.hpp"
#include "support/black_hole.hpp"
#include "support/config_file.hpp"

namespace lb::e2e {
namespace {

using namespace lb::support;  // NOLINT(google-build-using-namespace): the vocabulary of these tests

// What -check prints for a valid file.
std::string check(const std::string& text) {
  const TemporaryDirectory directory;
  const Finished finished = run_binary({"-check", "-config", directory.write("x.toml", text)});
  EXPECT_EQ(finished.status, 0) << finished.err;
  EXPECT_EQ(finished.err, "");
  return finished.out;
}

// Whether a line of the table has this URL, weight, address and result.
testing::AssertionResult has_row(const std::string& table, const std::string& url, const std::string& rest) {
  const std::string escaped_url = std::regex_replace(url, std::regex(R"([\[\].])"), R"(\$&)");
  const bool found = std::regex_search(table, std::regex("\n" + escaped_url + " +" + rest + "\n"));
  return found ? testing::AssertionSuccess() : testing::AssertionFailure() << url << ' ' << rest << " in\n" << table;
}

constexpr std::string_view kOk = "ok in [0-9]+([.][0-9])? ms";

// Goal: the table tells backends that answer from those that do not, and why. Method: one of each, by address and name.
TEST(CheckBackends, each_is_tried_and_shown_with_weight_address_and_result) {
  ScriptedBackend good(always(ok("ok")));
  ScriptedBackend gone(always(ok("ok")));
  gone.stop();
  const std::string by_name = "http://localhost:" + std::to_string(good.port());
  const std::string table = check(table_of(good.url(), "weight = 3\n") + table_of(gone.url()) +
                                  table_of("http://nowhere.invalid:81") + table_of(by_name));
  EXPECT_TRUE(table.starts_with("The configuration is valid: 4 backends.\nbackend ")) << table;
  EXPECT_TRUE(has_row(table, good.url(), "3 +127[.]0[.]0[.]1 +" + std::string(kOk)));
  EXPECT_TRUE(has_row(table, gone.url(), "1 +127[.]0[.]0[.]1 +connection refused"));
  EXPECT_TRUE(has_row(table, "http://nowhere.invalid:81", "1 +none +(the name has no address|the name lookup .*)"));
  EXPECT_TRUE(has_row(table, by_name, "1 +.*127[.]0[.]0[.]1.* +" + std::string(kOk)));
  EXPECT_TRUE(
      table.ends_with("\nwarning: 2 of 4 backends did not pass the check; the configuration is valid all the same\n"))
      << table;
}

// Goal: an access log that could not be written is found before the start, and trying leaves nothing behind.
TEST(CheckBackends, the_access_log_is_tried_without_a_trace) {
  ScriptedBackend good(always(ok("good")));
  const TemporaryDirectory directory;
  const std::string kept = directory.write("kept.log", "a line\n");
  const std::string folder = kept.substr(0, kept.rfind('/'));
  const auto run = [&](const std::string& file) {
    const std::string toml = "[log]\naccess = \"text\"\naccess_file = \"" + file + "\"\n" + tables_of({&good});
    return run_binary({"-check", "-config", directory.write("x.toml", toml)});
  };
  for (const std::string& wrong : {folder + "/nowhere/access.log", folder, kept + "/access.log"}) {
    const Finished refused = run(wrong);
    EXPECT_EQ(refused.status, 1) << wrong;
    EXPECT_NE(refused.err.find("log.access_file: cannot open \"" + wrong + "\" for writing: "), std::string::npos)
        << refused.err;
  }
  EXPECT_EQ(run(kept).status, 0);
  EXPECT_EQ(run(folder + "/new.log").status, 0);
  EXPECT_EQ(run("/dev/stdout").status, 0);
  EXPECT_FALSE(std::filesystem::exists(folder + "/new.log"));
  EXPECT_EQ(std::filesystem::file_size(kept), 7U);
}

TEST(CheckBackends, nothing_is_warned_of_when_all_answer) {
  ScriptedBackend good(always(ok("ok")));
  const std::string table = check(table_of(good.url()));
  EXPECT_TRUE(table.starts_with("The configuration is valid: 1 backend.\n")) << table;
  EXPECT_TRUE(has_row(table, good.url(), "1 +127[.]0[.]0[.]1 +" + std::string(kOk)));
  EXPECT_EQ(table.find("warning"), std::string::npos) << table;
  // It connected, and asked nothing.
  EXPECT_EQ(good.request_count(), 0U);
}

// Goal: with HTTP checks it asks what the running balancer would. Method: a backend that passes, one that does not.
TEST(CheckBackends, http_checks_are_made_as_configured) {
  ScriptedBackend good(always(ok("I am ready")));
  ScriptedBackend bad(always("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"));
  const std::string table =
      check(table_of(good.url()) + table_of(bad.url()) +
            "[health]\ncheck = \"http\"\npath = \"/healthz\"\nhost = \"shop.example\"\nbody = \"ready\"\n");
  EXPECT_TRUE(has_row(table, good.url(), "1 +127[.]0[.]0[.]1 +" + std::string(kOk)));
  EXPECT_TRUE(has_row(table, bad.url(), "1 +127[.]0[.]0[.]1 +status 503"));
  ASSERT_EQ(good.request_count(), 1U);
  const Message request = good.requests().front().message;
  EXPECT_TRUE(request.head.start_line.starts_with("GET /healthz ")) << request.head.start_line;
}

// Goal: all are tried at the same time, none for longer than health.timeout. Method: eight that never answer; one after
// the other they would take twice what is allowed here.
TEST(CheckBackends, silent_backends_are_tried_at_once_and_given_up_in_time) {
  std::vector<BlackHole> holes(8);
  std::string text = "[health]\ntimeout = \"1s\"\n";
  for (BlackHole& hole : holes) {
    hole.swallow();
    text += table_of(hole.url());
  }
  const auto began = now();
  const std::string table = check(text);
  EXPECT_LT(now() - began, Duration(4000));
  for (const BlackHole& hole : holes) {
    EXPECT_TRUE(has_row(table, hole.url(), "1 +127[.]0[.]0[.]1 +connect timed out"));
  }
}

TEST(CheckBackends, very_many_are_tried) {
  ScriptedBackend gone(always(ok("ok")));
  gone.stop();
  std::string text;
  // Names of the same closed port: addresses of 127.0.0.0/8, which are all this host.
  for (int i = 1; i <= 1000; ++i) {
    text += table_of("http://127.0." + std::to_string(1 + i / 250) + "." + std::to_string(1 + i % 250) + ":" +
                     std::to_string(gone.port()));
  }
  const std::string table = check(text);
  EXPECT_TRUE(table.ends_with(
      "\nwarning: 1000 of 1000 backends did not pass the check; the configuration is valid all the same\n"))
      << table.substr(table.size() - 300);
}

TEST(CheckBackends, the_demo_has_none_to_try) {
  const Finished finished = run_binary({"-check", "-demo"});
  EXPECT_EQ(finished.status, 0);
  EXPECT_EQ(finished.out, "The configuration is valid: 0 backends.\n");
}

// Goal: a mistake is found before anything is tried. Method: a good backend beside a wrong key.
TEST(CheckBackends, a_wrong_configuration_tries_nothing) {
  ScriptedBackend good([](ScriptedBackend::Connection&) { ADD_FAILURE() << "was connected to"; });
  const TemporaryDirectory directory;
  const std::string path = directory.write("x.toml", table_of(good.url(), "wieght = 1\n"));
  const Finished finished = run_binary({"-check", "-config", path});
  EXPECT_EQ(finished.status, 2);
  EXPECT_EQ(finished.out, "");
}

}  // namespace
}  // namespace lb::e2e
