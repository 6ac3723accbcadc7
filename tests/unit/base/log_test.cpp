#include "base/log.hpp"

#include <algorithm>
#include <array>
#include <fcntl.h>
#include <string>
#include <string_view>
#include <unistd.h>

#include <gtest/gtest.h>

#include "base/log_thread.hpp"

namespace lb::base {
namespace {

TEST(BaseLog, every_level_has_a_name) {
  constexpr std::array<std::string_view, 6> kNames{"trace", "debug", "info", "warning", "error", "off"};
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    LogLevel level = i == 0 ? LogLevel::off : LogLevel::trace;
    EXPECT_TRUE(parse_log_level(kNames[i], level)) << kNames[i];
    EXPECT_EQ(level, static_cast<LogLevel>(i));
  }
}

TEST(BaseLog, other_names_are_refused_and_change_nothing) {
  for (const std::string_view name : {"", "warn", "INFO", "info ", "critical", "0", "of"}) {
    LogLevel level = LogLevel::error;
    EXPECT_FALSE(parse_log_level(name, level)) << name;
    EXPECT_EQ(level, LogLevel::error);
  }
}

TEST(BaseLog, nothing_is_logged_before_logging_has_started) {
  EXPECT_FALSE(log_enabled(LogLevel::error));
  log(LogLevel::error, "dropped");
}

// Goal: the level filters, and braces in a line are text. Method: a real logger whose standard error is captured.
TEST(BaseLog, lines_of_the_level_and_above_are_written_as_they_are) {
  testing::internal::CaptureStderr();
  start_logging(LogLevel::warning);
  EXPECT_FALSE(log_enabled(LogLevel::info));
  EXPECT_TRUE(log_enabled(LogLevel::warning));
  EXPECT_TRUE(log_enabled(LogLevel::error));
  EXPECT_FALSE(log_enabled(LogLevel::off));
  log(LogLevel::info, "too quiet");
  log(LogLevel::warning, "braces {} {0} %v stay");
  stop_logging();
  EXPECT_FALSE(log_thread_left_alone());
  const std::string written = testing::internal::GetCapturedStderr();
  EXPECT_EQ(written.find("too quiet"), std::string::npos);
  EXPECT_NE(written.find("warning braces {} {0} %v stay\n"), std::string::npos) << written;
  EXPECT_FALSE(log_enabled(LogLevel::error));
}

// Goal: the process ends although nobody takes what it has to say. Method: standard error is a pipe that is read only
// after logging was given up, so that what was left alone can end.
TEST(BaseLog, the_end_does_not_wait_for_a_reader_for_ever) {
  std::array<int, 2> ends{-1, -1};
  ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  const int before = ::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);
  ASSERT_GE(::dup2(ends[1], STDERR_FILENO), 0);
  start_logging(LogLevel::info);
  constexpr int kLines = 100;
  for (int i = 0; i < kLines; ++i) log(LogLevel::info, std::string(4000, 'x'));  // a pipe holds 64 KiB
  stop_logging();
  EXPECT_TRUE(log_thread_left_alone());
  std::string bytes(64 * 1024, '\0');
  for (int lines = 0; lines < kLines;) {
    const ssize_t got = ::read(ends[0], bytes.data(), bytes.size());
    ASSERT_GT(got, 0);
    lines += static_cast<int>(std::count(bytes.data(), bytes.data() + got, '\n'));
  }
  ASSERT_GE(::dup2(before, STDERR_FILENO), 0);
  for (const int descriptor : {before, ends[0], ends[1]}) ::close(descriptor);
}

}  // namespace
}  // namespace lb::base
