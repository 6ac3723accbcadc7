// How lines are gathered, and when they go.
#include "telemetry/access_log.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdlib.h>
#include <string>

#include <gtest/gtest.h>

#include "base/limits.hpp"
#include "base/log_file.hpp"
#include "support/manual_clock.hpp"
#include "telemetry/recorder.hpp"

namespace lb::telemetry {
namespace {

namespace fs = std::filesystem;

class TelemetryAccessLog : public testing::Test {
 protected:
  TelemetryAccessLog() {
    std::string name = (fs::temp_directory_path() / "lb-access-log-XXXXXX").string();
    EXPECT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  ~TelemetryAccessLog() override { fs::remove_all(folder_); }

  AccessLog::FilePtr open(const std::string& name) {
    std::string problem;
    AccessLog::FilePtr file =
        base::LogFile::open({.path = folder_ / name, .blocks_max = 100, .lost = lost_}, base::system_clock(), problem);
    EXPECT_NE(file, nullptr) << problem;
    return file;
  }
  // After the file has ended.
  std::string text_of(const std::string& name) {
    std::ostringstream text;
    text << std::ifstream(folder_ / name, std::ios::binary).rdbuf();
    return text.str();
  }

  static RequestRecord record(std::string_view line) {
    RequestRecord record;
    record.client = "192.0.2.1";
    record.request_line = line;
    record.status = 200;
    return record;
  }

  fs::path folder_;
  base::LogFile::LostLines lost_ = std::make_shared<std::atomic<std::uint64_t>>(0);
  test::ManualClock clock_;
};

// Goal: lines wait for company, but somebody is told to fetch them, once. Method: the file ends without a flush, then
// after one.
TEST_F(TelemetryAccessLog, lines_wait_until_they_are_fetched) {
  struct Counter {
    void count_one() noexcept { ++count; }
    int count = 0;
  } told;
  AccessLog log;
  log.on_waiting(base::Callback<void()>::to<&Counter::count_one>(told));
  const AccessLog::FilePtr file = open("log");
  EXPECT_EQ(log.change(AccessLogFormat::text, file), nullptr);
  log.add(record("GET /1 HTTP/1.1"), clock_.wall_now());
  log.add(record("GET /2 HTTP/1.1"), clock_.wall_now());
  EXPECT_EQ(told.count, 1);
  log.flush();
  log.flush();
  log.add(record("GET /3 HTTP/1.1"), clock_.wall_now());
  EXPECT_EQ(told.count, 2);
  file->finish();
  const std::string text = text_of("log");
  EXPECT_NE(text.find("GET /1"), std::string::npos);
  EXPECT_LT(text.find("GET /1"), text.find("GET /2"));
  EXPECT_EQ(text.find("GET /3"), std::string::npos);
}

TEST_F(TelemetryAccessLog, a_full_block_goes_at_once) {
  AccessLog log;
  const AccessLog::FilePtr file = open("log");
  log.change(AccessLogFormat::json, file);
  const RequestRecord one = record("GET /" + std::string(1000, 'x') + " HTTP/1.1");
  constexpr int kLines = 100;
  for (int i = 0; i < kLines; ++i) log.add(one, clock_.wall_now());
  file->finish();
  const std::string text = text_of("log");
  const auto lines = std::ranges::count(text, '\n');
  EXPECT_TRUE(text.ends_with('\n'));
  EXPECT_GT(text.size(), 2 * base::kAccessLogBlockBytes);
  EXPECT_GT(lines, kLines - 40);
  EXPECT_LT(lines, kLines) << "the rest waits";
}

// Goal: a change of the configuration tears nothing apart: a line goes to the file that was meant when it was written,
// in the format of its time. Method: to another file and format, and to none.
TEST_F(TelemetryAccessLog, a_change_leaves_what_was_written_where_it_was_meant) {
  AccessLog log;
  AccessLog::FilePtr first = open("first");
  AccessLog::FilePtr second = open("second");
  log.change(AccessLogFormat::text, first);
  log.add(record("GET /1 HTTP/1.1"), clock_.wall_now());
  EXPECT_EQ(log.change(AccessLogFormat::json, second), first);
  log.add(record("GET /2 HTTP/1.1"), clock_.wall_now());
  EXPECT_EQ(log.change(AccessLogFormat::text, nullptr), second);
  EXPECT_FALSE(log.is_on());
  log.flush();
  first.reset();
  second.reset();
  EXPECT_EQ(std::ranges::count(text_of("first"), '\n'), 1);
  EXPECT_TRUE(text_of("first").starts_with("192.0.2.1 - - ["));
  EXPECT_EQ(std::ranges::count(text_of("second"), '\n'), 1);
  EXPECT_TRUE(text_of("second").starts_with("{\"time\":"));
}

TEST_F(TelemetryAccessLog, the_recorder_asks_for_texts_while_it_is_on_and_writes_each_request) {
  Recorder recorder(0, clock_);
  EXPECT_FALSE(recorder.wants_texts());
  recorder.record(record("GET /before HTTP/1.1"));
  AccessLog::FilePtr file = open("log");
  recorder.access_log().change(AccessLogFormat::text, file);
  EXPECT_TRUE(recorder.wants_texts());
  recorder.record(record("GET /within HTTP/1.1"));
  recorder.access_log().change(AccessLogFormat::text, nullptr);
  EXPECT_FALSE(recorder.wants_texts());
  recorder.record(record("GET /after HTTP/1.1"));
  EXPECT_EQ(recorder.recent().last(), 0U) << "keeping requests is another matter";
  file.reset();
  EXPECT_EQ(std::ranges::count(text_of("log"), '\n'), 1);
  EXPECT_NE(text_of("log").find("\"GET /within HTTP/1.1\" 200 0 \"-\" \"-\""), std::string::npos) << text_of("log");
}

}  // namespace
}  // namespace lb::telemetry
