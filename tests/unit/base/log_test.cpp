#include "base/log.hpp"

#include <array>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

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
  const std::string written = testing::internal::GetCapturedStderr();
  EXPECT_EQ(written.find("too quiet"), std::string::npos);
  EXPECT_NE(written.find("warning braces {} {0} %v stay\n"), std::string::npos) << written;
  EXPECT_FALSE(log_enabled(LogLevel::error));
}

}  // namespace
}  // namespace lb::base
