// Where the access log goes: files that are rotated under it and changed by a reload, and readers that do not read.
#include <algorithm>
#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

#include <boost/json/parse.hpp>
#include <gtest/gtest.h>

#include "support/admin.hpp"
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

bool is_json_object(const std::string& line) {
  boost::system::error_code problem;
  const boost::json::value value = boost::json::parse(line, problem);
  return !problem && value.is_object();
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
    ASSERT_TRUE(wait_for_lines(path, 1));
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
  EXPECT_GE(files_with_lines, kRotations);
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

// Goal: each line is whole and in one of the two formats, whatever is under way when the format changes; none is lost.
// Method: clients that ask all the time, and one request that spans a change.
TEST(AccessLogFile, the_format_changes_under_requests) {
  Gate held;
  ScriptedBackend backend([&held](ScriptedBackend::Connection& connection) {
    while (const auto message = connection.read_request()) {
      if (message->head.start_line.find("/held") != std::string::npos && !held.wait()) return;
      connection.send(ok("hello"));
    }
  });
  TemporaryDirectory directory;
  const std::string path = directory.write("access.log", "");
  const auto configured = [&](const std::string& format) { return log_to(path, format) + tables_of({&backend}); };
  ConfigFile file(configured("text"));
  Balancer balancer(file.flags({"-threads", "2"}));
  Load load(balancer.port(), {.kept = 2, .fresh = 1});
  Client spanning(balancer);
  spanning.send(get("/held"));
  for (int i = 0; i < 4; ++i) {
    ASSERT_TRUE(load.wait_for_answers(load.answers() + 50));
    reload(balancer, file, configured(i % 2 == 0 ? "json" : "text"));
  }
  reload(balancer, file, configured("json"));
  held.open();
  EXPECT_EQ(spanning.read_response().status(), 200);
  ASSERT_TRUE(load.wait_for_answers(load.answers() + 50));
  load.stop();
  EXPECT_EQ(load.failures(), 0U) << load.first_failure();
  balancer.signal(SIGTERM);
  EXPECT_EQ(balancer.wait_exit(), 0);
  std::size_t text_lines = 0;
  std::size_t json_lines = 0;
  std::string held_line;
  for (const std::string& line : lines_of(text_of(path))) {
    const bool is_text = std::regex_match(line, kCombined);
    ASSERT_TRUE(is_text || is_json_object(line)) << line;
    ++(is_text ? text_lines : json_lines);
    if (line.find("/held") != std::string::npos) held_line = line;
  }
  EXPECT_EQ(text_lines + json_lines, load.answers() + 1);
  EXPECT_GE(text_lines, 50U);
  EXPECT_GE(json_lines, 50U);
  EXPECT_TRUE(is_json_object(held_line)) << "in the format of its end: " << held_line;
}

// Goal: a rotation that goes wrong costs nothing but the new file. Method: the folder is renamed before SIGUSR1, and is
// there again later.
TEST(AccessLogFile, rotation_without_the_folder_goes_on_in_the_old_file) {
  ScriptedBackend backend(always(ok("hello")));
  TemporaryDirectory directory;
  const fs::path parent = fs::path(directory.write("unused", "")).parent_path();
  fs::create_directory(parent / "logs");
  const std::string path = parent / "logs" / "access.log";
  Balancer balancer({.backends = {&backend}, .toml = log_to(path, "text")});
  EXPECT_EQ(ask_once(balancer, get("/1")).status(), 200);
  fs::rename(parent / "logs", parent / "moved");
  balancer.signal(SIGUSR1);
  EXPECT_TRUE(balancer.wait_for_log("error log.access_file: cannot open \"" + path +
                                    "\" anew: No such file or directory; the access log goes on in the old file"));
  EXPECT_EQ(ask_once(balancer, get("/2")).status(), 200);
  ASSERT_TRUE(wait_for_lines(parent / "moved" / "access.log", 2));
  fs::create_directory(parent / "logs");
  balancer.signal(SIGUSR1);
  const Deadline deadline = within();
  while (!fs::exists(path) && now() < deadline) std::this_thread::yield();
  EXPECT_EQ(ask_once(balancer, get("/3")).status(), 200);
  ASSERT_TRUE(wait_for_lines(path, 1));
  EXPECT_NE(text_of(path).find("GET /3 "), std::string::npos);
}

// Goal: whoever reads the log slowly, or not at all, slows no request down and does not keep the process from ending.
// Method: a pipe that nobody reads is standard output; more is logged than pipe and queue hold.
TEST(AccessLogFile, a_reader_that_does_not_read_holds_nobody_up) {
  ScriptedBackend backend(always(ok("hello")));
  std::array<int, 2> ends{-1, -1};
  ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  const Descriptor reader(ends[0]);
  Descriptor writer(ends[1]);
  Balancer balancer({"-backends", backend.url(), "-threads", "1", "-access-log", "text"}, Balancer::Admin::on,
                    writer.get());
  writer.reset();
  // Each line takes 8 KiB, for every byte of them is escaped.
  const std::string bytes(1024, '\xFF');
  const std::string request = get("/", "Referer: " + bytes + "\r\nUser-Agent: " + bytes + "\r\n");
  Client client(balancer);
  constexpr int kRequests = 2'000;  // 16 MiB; the queue holds 8
  for (int i = 0; i < kRequests; ++i) ASSERT_EQ(client.ask(request).status(), 200) << i;
  EXPECT_TRUE(balancer.wait_for_log("warning standard output takes less than is logged: "));
  const std::string metrics = admin_get(balancer, "/metrics").body;
  const std::string counter = "\nload_balancer_access_log_lines_dropped_total ";
  const std::size_t at = metrics.find(counter);
  ASSERT_NE(at, std::string::npos) << metrics;
  const int dropped = std::stoi(metrics.substr(at + counter.size()));
  EXPECT_GT(dropped, 0);
  EXPECT_LT(dropped, kRequests - 900) << "the queue is full of lines";
  balancer.signal(SIGTERM);
  EXPECT_EQ(balancer.wait_exit(), 0);
  EXPECT_NE(balancer.log().find("error cannot write to standard output: nobody reads it"), std::string::npos);
}

// Goal: the process ends even if a write never does. Method: a terminal that nobody reads, to which its thread writes
// more than there is room.
TEST(AccessLogFile, a_terminal_that_takes_nothing_does_not_keep_the_process_from_ending) {
  ScriptedBackend backend(always(ok("hello")));
  const Descriptor reader(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
  ASSERT_GE(reader.get(), 0);
  ASSERT_EQ(::grantpt(reader.get()), 0);
  ASSERT_EQ(::unlockpt(reader.get()), 0);
  std::array<char, 64> name{};
  ASSERT_EQ(::ptsname_r(reader.get(), name.data(), name.size()), 0);
  Descriptor terminal(::open(name.data(), O_RDWR | O_NOCTTY | O_CLOEXEC));
  ASSERT_GE(terminal.get(), 0);
  Balancer balancer({"-backends", backend.url(), "-threads", "1", "-access-log", "text"}, Balancer::Admin::off,
                    terminal.get());
  terminal.reset();
  Client client(balancer);
  const std::string request = get("/", "Referer: " + std::string(1024, 'x') + "\r\n");
  for (int i = 0; i < 200; ++i) ASSERT_EQ(client.ask(request).status(), 200) << i;
  balancer.signal(SIGTERM);
  EXPECT_EQ(balancer.wait_exit(), 0);
}

}  // namespace
}  // namespace lb::e2e
