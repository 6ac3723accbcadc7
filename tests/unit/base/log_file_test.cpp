// The file that a thread of its own writes: nothing is lost that fits, nobody waits, and what is lost is counted.
#include "base/log_file.hpp"

#include <algorithm>
#include <atomic>
#include <csignal>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include <gtest/gtest.h>

#include "base/limits.hpp"
#include "base/log.hpp"

namespace lb::base {
namespace {

namespace fs = std::filesystem;

constexpr Duration kPatience{20'000};

std::string text_of(const fs::path& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

// Waits for what another thread brings about.
template <class Condition>
[[nodiscard]] bool eventually(Condition condition) {
  const Deadline deadline = system_clock().now() + kPatience;
  while (!condition()) {
    if (system_clock().now() >= deadline) return false;
    std::this_thread::yield();
  }
  return true;
}

class BaseLogFile : public testing::Test {
 protected:
  BaseLogFile() {
    std::string name = (fs::temp_directory_path() / "lb-log-file-XXXXXX").string();
    EXPECT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
    std::signal(SIGPIPE, SIG_IGN);
  }
  ~BaseLogFile() override { fs::remove_all(folder_); }

  std::unique_ptr<LogFile> open(const fs::path& path, std::size_t blocks_max = 100) {
    std::string problem;
    auto file =
        LogFile::open({.path = path.string(), .blocks_max = blocks_max, .lost = lost_}, system_clock(), problem);
    EXPECT_NE(file, nullptr) << problem;
    return file;
  }
  static void put(LogFile& file, std::string_view block) {
    file.write(block, static_cast<std::size_t>(std::ranges::count(block, '\n')));
  }
  // A pipe with a name, and its reading end.
  int make_pipe() {
    EXPECT_EQ(::mkfifo(pipe().c_str(), 0600), 0);
    return open_pipe();
  }
  int open_pipe() {
    const int reader = ::open(pipe().c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    EXPECT_GE(reader, 0);
    return reader;
  }
  static void read_into(std::string& text, int reader) {
    std::string bytes(64 * 1024, '\0');
    const ssize_t got = ::read(reader, bytes.data(), bytes.size());
    if (got > 0) text.append(bytes, 0, static_cast<std::size_t>(got));
  }

  [[nodiscard]] fs::path pipe() const { return folder_ / "pipe"; }
  [[nodiscard]] fs::path log() const { return folder_ / "log"; }

  [[nodiscard]] std::uint64_t lost() const { return *lost_; }

  fs::path folder_;
  LogFile::LostLines lost_ = std::make_shared<std::atomic<std::uint64_t>>(0);
};

TEST_F(BaseLogFile, appends_blocks_in_order_and_writes_all_of_them_before_it_ends) {
  std::ofstream(log()) << "before\n";
  std::string expected = "before\n";
  const auto file = open(log());
  for (int i = 0; i < 50; ++i) {
    const std::string block = std::to_string(i) + std::string(1000, 'x') + '\n';
    put(*file, block);
    expected += block;
  }
  file->finish();
  EXPECT_EQ(text_of(log()), expected);
  EXPECT_EQ(lost(), 0U);
  put(*file, "too late\n");
  EXPECT_EQ(text_of(log()), expected);
  EXPECT_EQ(lost(), 1U);
}

TEST_F(BaseLogFile, a_new_file_is_nobody_elses_business) {
  const auto file = open(log());
  EXPECT_EQ(fs::status(log()).permissions() & fs::perms::others_all, fs::perms::none);
  EXPECT_EQ(fs::status(log()).permissions() & fs::perms::group_write, fs::perms::none);
}

TEST_F(BaseLogFile, says_why_a_file_cannot_be_opened) {
  std::string problem;
  const std::string path = folder_ / "none" / "log";
  EXPECT_EQ(LogFile::open({.path = path, .blocks_max = 10, .lost = lost_}, system_clock(), problem), nullptr);
  EXPECT_EQ(problem, "cannot open \"" + path + "\" for writing: No such file or directory");
  ASSERT_EQ(::mkfifo(pipe().c_str(), 0600), 0);
  EXPECT_EQ(LogFile::open({.path = pipe(), .blocks_max = 10, .lost = lost_}, system_clock(), problem), nullptr)
      << "a fifo without a reader must not block";
}

// Goal: what logrotate does. Method: the file is renamed under the writer; then its folder is not there.
TEST_F(BaseLogFile, goes_on_in_a_new_file_where_that_can_be_opened) {
  const auto file = open(log());
  const fs::path old = folder_ / "log.1";
  put(*file, "one\n");
  ASSERT_TRUE(eventually([&] { return text_of(log()) == "one\n"; }));
  fs::rename(log(), old);
  put(*file, "two\n");
  ASSERT_TRUE(eventually([&] { return text_of(old) == "one\ntwo\n"; }));
  EXPECT_EQ(file->reopen(), "");
  EXPECT_TRUE(fs::exists(log())) << "at once, not with the next line";
  put(*file, "three\n");
  ASSERT_TRUE(eventually([&] { return text_of(log()) == "three\n"; }));
  EXPECT_EQ(text_of(old), "one\ntwo\n");

  fs::remove(log());
  fs::create_directory(log());
  EXPECT_EQ(file->reopen(), "cannot open \"" + log().string() + "\" anew: Is a directory");
  put(*file, "four\n");
  file->finish();
  EXPECT_EQ(lost(), 0U) << "the old file stays";
}

// Goal: nobody waits for a reader that does not read; the newest blocks are kept, whole, and the lines of the others
// counted. Method: blocks of one to three lines, of which the first is numbered.
TEST_F(BaseLogFile, drops_the_oldest_blocks_of_a_full_queue_and_counts_their_lines) {
  const int reader = make_pipe();
  constexpr std::size_t kBlocks = 200;
  constexpr std::size_t kQueued = 4;
  const auto file = open(pipe(), kQueued);
  std::size_t written = 0;
  for (std::size_t i = 0; i < kBlocks; ++i) {
    std::string block = std::to_string(i) + std::string(20'000, 'x') + '\n';
    for (std::size_t more = 0; more < i % 3; ++more) block += "more\n";
    put(*file, block);
    written += 1 + i % 3;
  }
  EXPECT_GT(lost(), 200U);
  std::string text;
  ASSERT_TRUE(eventually([&] {
    read_into(text, reader);
    return static_cast<std::size_t>(std::ranges::count(text, '\n')) == written - lost();
  }));
  std::istringstream lines(text);
  std::vector<std::size_t> kept;
  for (std::string line; std::getline(lines, line);) {
    if (line == "more") continue;
    ASSERT_EQ(line.size(), 20'000 + line.find('x'));
    kept.push_back(std::stoul(line));
  }
  EXPECT_TRUE(std::ranges::is_sorted(kept));
  ASSERT_GE(kept.size(), kQueued);
  for (std::size_t i = 0; i < kQueued; ++i) EXPECT_EQ(kept[kept.size() - 1 - i], kBlocks - 1 - i) << "the newest";
  file->finish();
  EXPECT_EQ(static_cast<std::size_t>(std::ranges::count(text, '\n')), written - lost());
  ::close(reader);
}

// Goal: one warning for however many dropped blocks, not one each.
TEST_F(BaseLogFile, dropped_blocks_are_said_once_a_minute) {
  const int reader = make_pipe();
  testing::internal::CaptureStderr();
  start_logging(LogLevel::info);
  {
    const auto file = open(pipe(), 1);
    for (int i = 0; i < 200; ++i) put(*file, std::string(20'000, 'x') + '\n');
    ::close(reader);
  }
  stop_logging();
  const std::string log = testing::internal::GetCapturedStderr();
  const std::string said = "\" takes less than is logged: ";
  ASSERT_NE(log.find(said), std::string::npos) << log;
  EXPECT_EQ(log.find(said), log.rfind(said)) << log;
}

// Goal: a write error is said once, and its end, too; what it tore does not spoil the lines that follow. Method: the
// reader of a pipe leaves in the middle of a block, and comes back.
TEST_F(BaseLogFile, write_errors_are_said_once_and_their_end_too) {
  int reader = make_pipe();
  testing::internal::CaptureStderr();
  start_logging(LogLevel::info);
  const auto file = open(pipe());
  put(*file, std::string(200'000, 'x') + '\n');  // more than the pipe takes
  std::string text;
  ASSERT_TRUE(eventually([&] {
    read_into(text, reader);
    return !text.empty();
  }));
  ::close(reader);
  ASSERT_TRUE(eventually([&] { return lost() == 1; }));
  put(*file, "lost\n");
  ASSERT_TRUE(eventually([&] { return lost() == 2; }));

  reader = open_pipe();
  put(*file, "back\n");
  text.clear();
  ASSERT_TRUE(eventually([&] {
    read_into(text, reader);
    return text.find("back") != std::string::npos;
  }));
  EXPECT_TRUE(text.ends_with("\nback\n")) << text.size();
  file->finish();
  ::close(reader);
  stop_logging();
  const std::string log = testing::internal::GetCapturedStderr();
  const std::string failed = "error cannot write to \"" + pipe().string() + "\": Broken pipe; lines are lost";
  EXPECT_NE(log.find(failed), std::string::npos) << log;
  EXPECT_EQ(log.find(failed), log.rfind(failed)) << log;
  EXPECT_NE(log.find("info writing to \"" + pipe().string() + "\" works again"), std::string::npos) << log;
}

TEST_F(BaseLogFile, a_full_disk_is_counted) {
  const auto file = open("/dev/full");
  put(*file, "one\ntwo\n");
  put(*file, "three\n");
  file->finish();
  EXPECT_EQ(lost(), 3U);
}

// Goal: the process can end although nobody reads. Method: a full pipe.
TEST_F(BaseLogFile, the_end_waits_a_bounded_time_for_a_reader) {
  const int reader = make_pipe();
  const auto file = open(pipe(), 4);
  for (int i = 0; i < 10; ++i) put(*file, std::string(100'000, 'x') + '\n');
  const TimePoint begun = system_clock().now();
  file->finish();
  EXPECT_LT(system_clock().now() - begun, kPatience);
  EXPECT_EQ(lost(), 10U);
  ::close(reader);
}

// Goal: it may be ended while others still write. Method: threads that write all the time; under TSan, too.
TEST_F(BaseLogFile, may_be_ended_under_those_that_write) {
  const auto file = open(log());
  std::atomic<bool> stop{false};
  std::vector<std::thread> writers;
  for (int i = 0; i < 2; ++i) {
    writers.emplace_back([&] {
      while (!stop) put(*file, "line\n");
    });
  }
  ASSERT_TRUE(eventually([&] { return !text_of(log()).empty(); }));
  EXPECT_EQ(file->reopen(), "");
  file->finish();
  stop = true;
  for (std::thread& writer : writers) writer.join();
  EXPECT_GT(text_of(log()).size(), 0U);
}

}  // namespace
}  // namespace lb::base
