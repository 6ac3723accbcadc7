// Where the access log goes: files that are rotated under it and changed by a reload, and readers that do not read.
#include <algorithm>
#include <array>
#include <csignal>
#include <cstdio>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

#include <gtest/gtest.h>

#include "support/balancer.hpp"
#include "support/config_file.hpp"
#include "support/load.hpp"
#include "support/log_lines.hpp"

namespace lb::e2e {
namespace {

using namespace lb::support;  // NOLINT(google-build-using-namespace): the vocabulary of these tests
namespace fs = std::filesystem;
using test::kCombined;
using test::lines_of;

std::string text_of(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

// Waits for a file to have so many lines.
bool wait_for_lines(const std::string& path, std::size_t count) {
  const Deadline deadline = within();
  while (lines_of(text_of(path)).size() < count) {
    if (now() >= deadline) return false;
    std::this_thread::yield();
  }
  return true;
}

std::string log_to(const std::string& path, std::string_view format) {
  return "[log]\naccess = \"" + std::string(format) + "\"\naccess_file = \"" + path + "\"\n";
}

// Goal: no request is lost to rotation, nor torn. Method: clients that ask all the time while the file is renamed and
// SIGUSR1 sent, again and again; their answers are as many as the lines of all files.
TEST(AccessLogFile, rotation_under_load_loses_nothing) {
  ScriptedBackend backend(always(ok("hello")));
  TemporaryDirectory directory;
  const std::string path = directory.write("access.log", "");
  Balancer balancer({.backends = {&backend}, .toml = log_to(path, "text"), .threads = 2});
  constexpr std::size_t kRotations = 10;
  Load load(balancer.port(), {.kept = 3, .fresh = 1});
  for (std::size_t i = 1; i <= kRotations; ++i) {
    ASSERT_TRUE(load.wait_for_answers(load.answers() + 50));
    ASSERT_EQ(std::rename(path.c_str(), (path + '.' + std::to_string(i)).c_str()), 0);
    balancer.signal(SIGUSR1);
    const Deadline deadline = within();
    while (!fs::exists(path) && now() < deadline) std::this_thread::yield();
    ASSERT_TRUE(fs::exists(path));
  }
  ASSERT_TRUE(load.wait_for_answers(load.answers() + 50));
  load.stop();
  EXPECT_EQ(load.failures(), 0U) << load.first_failure();
  balancer.signal(SIGTERM);
  EXPECT_EQ(balancer.wait_exit(), 0);
  std::size_t lines = 0;
  std::size_t files_with_lines = 0;
  for (std::size_t i = 0; i <= kRotations; ++i) {
    const std::string text = text_of(i == 0 ? path : path + '.' + std::to_string(i));
    for (const std::string& line : lines_of(text)) {
      ASSERT_TRUE(std::regex_match(line, kCombined)) << line;
      ++lines;
    }
    if (!text.empty()) ++files_with_lines;
  }
  EXPECT_EQ(lines, load.answers());
  EXPECT_GT(files_with_lines, 2U) << "lines reach the file while there is traffic, not only at the end";
}

TEST(AccessLogFile, a_file_that_cannot_be_opened_ends_the_start) {
  ScriptedBackend backend(always(ok("hello")));
  ConfigFile file(log_to("/nowhere/access.log", "text") + tables_of({&backend}));
  const Finished finished = run_binary(file.flags({"-port", "0"}));
  EXPECT_EQ(finished.status, 1);
  EXPECT_NE(
      finished.err.find("load-balancer: log.access_file: cannot open \"/nowhere/access.log\" for writing: No such "
                        "file or directory\n"),
      std::string::npos)
      << finished.err;
  EXPECT_EQ(finished.err.find("listening"), std::string::npos) << finished.err;
}

// Goal: format and file change with the configuration; each line goes where it was meant. Method: text to a file, JSON
// to another, one that cannot be opened, and none.
TEST(AccessLogFile, a_reload_changes_format_and_file) {
  ScriptedBackend backend(always(ok("hello")));
  TemporaryDirectory directory;
  const std::string first = directory.write("first", "");
  const std::string second = directory.write("second", "");
  const auto configured = [&](const std::string& log) { return "server.threads = 2\n" + log + tables_of({&backend}); };
  ConfigFile file(configured(log_to(first, "text")));
  Balancer balancer(file.flags());
  Client client(balancer);
  client.ask(get("/1"));
  reload(balancer, file, configured(log_to(second, "json")));
  client.ask(get("/2"));
  ASSERT_TRUE(wait_for_lines(second, 1));
  reload(balancer, file, configured(log_to("/nowhere/access.log", "json")));
  EXPECT_TRUE(
      balancer.wait_for_log("cannot open \"/nowhere/access.log\" for writing: No such file or directory; the "
                            "access log stays as it was"));
  client.ask(get("/3"));
  ASSERT_TRUE(wait_for_lines(second, 2));
  reload(balancer, file, configured(""));
  client.ask(get("/4"));
  reload(balancer, file, configured(log_to(second, "json")));
  client.ask(get("/5"));
  balancer.signal(SIGTERM);
  EXPECT_EQ(balancer.wait_exit(), 0);
  ASSERT_EQ(lines_of(text_of(first)).size(), 1U) << text_of(first);
  EXPECT_TRUE(std::regex_match(lines_of(text_of(first))[0], kCombined));
  const std::vector<std::string> lines = lines_of(text_of(second));
  ASSERT_EQ(lines.size(), 3U) << text_of(second);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    EXPECT_TRUE(lines[i].starts_with("{\"time\":")) << lines[i];
    EXPECT_NE(lines[i].find("\"/" + std::string(1, "235"[i]) + '"'), std::string::npos) << lines[i];
  }
  EXPECT_EQ(balancer.process().out(), "");
}

// Goal: whoever reads the log slowly, or not at all, slows no request down and does not keep the process from ending.
// Method: a pipe that nobody reads is standard output; more is logged than pipe and queue hold.
TEST(AccessLogFile, a_reader_that_does_not_read_holds_nobody_up) {
  ScriptedBackend backend(always(ok("hello")));
  std::array<int, 2> ends{-1, -1};
  ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  const Descriptor reader(ends[0]);
  Descriptor writer(ends[1]);
  Balancer balancer({"-backends", backend.url(), "-threads", "1", "-access-log", "text"}, Balancer::Admin::off,
                    writer.get());
  writer.reset();
  // Each line takes 8 KiB, for every byte of them is escaped.
  const std::string bytes(1024, '\xFF');
  const std::string request = get("/", "Referer: " + bytes + "\r\nUser-Agent: " + bytes + "\r\n");
  Client client(balancer);
  constexpr int kRequests = 2'000;  // 16 MiB; the queue holds 8
  for (int i = 0; i < kRequests; ++i) ASSERT_EQ(client.ask(request).status(), 200) << i;
  EXPECT_TRUE(balancer.wait_for_log("warning standard output takes less than is logged: "));
  balancer.signal(SIGTERM);
  EXPECT_EQ(balancer.wait_exit(), 0);
  EXPECT_NE(balancer.log().find("error cannot write to standard output: nobody reads it"), std::string::npos);
}

}  // namespace
}  // namespace lb::e2e
