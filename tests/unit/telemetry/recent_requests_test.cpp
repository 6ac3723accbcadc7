#include "telemetry/recent_requests.hpp"

#include <gtest/gtest.h>

#include "support/manual_clock.hpp"
#include "telemetry/recorder.hpp"

namespace lb::telemetry {
namespace {

RequestRecord named(const std::string& id, unsigned attempts = 1) {
  RequestRecord record;
  record.id = id;
  record.status = 200;
  record.attempts_made = attempts;
  return record;
}

std::string numbers(const std::vector<RecentRequest>& requests) {
  std::string text;
  for (const RecentRequest& one : requests) text += std::to_string(one.number()) + " ";
  return text;
}

TEST(TelemetryRecentRequests, the_oldest_make_way) {
  RecentRequests recent(3, 2);
  EXPECT_EQ(recent.find("0"), nullptr);
  for (int i = 0; i < 5; ++i) recent.add(named(std::to_string(i)), base::WallTime(std::chrono::seconds(i)));
  EXPECT_EQ(recent.find("1"), nullptr);
  ASSERT_NE(recent.find("2"), nullptr);
  EXPECT_EQ(recent.find("2")->ended(), base::WallTime(std::chrono::seconds(2)));
  EXPECT_EQ(recent.find("4")->number(), 5U);
}

// Goal: what failed can still be asked about when thousands have been answered since. Method: places of their own.
TEST(TelemetryRecentRequests, notable_ones_are_not_pushed_out_by_others) {
  RecentRequests recent(3, 2);
  for (const char* id : {"a", "b", "c"}) recent.add(named(id, 2), {});
  for (int i = 0; i < 100; ++i) recent.add(named("x"), {});
  EXPECT_EQ(recent.find("a"), nullptr);
  EXPECT_NE(recent.find("b"), nullptr);
  EXPECT_EQ(numbers(recent.notable_after(0, 10)), "2 3 ");
  EXPECT_EQ(numbers(recent.notable_after(2, 10)), "3 ");
  EXPECT_EQ(numbers(recent.notable_after(0, 1)), "3 ");
  EXPECT_EQ(recent.last(), 103U);
}

// Goal: a reload may drop a backend while its requests can still be asked about. Method: the URLs end first; copies of
// copies are read.
TEST(TelemetryRecentRequests, outlive_the_backends_that_they_name) {
  RecentRequests recent(2, 2);
  for (int round = 0; round < 5; ++round) {
    std::string first = "http://first-" + std::string(static_cast<std::size_t>(40 * round), 'x');
    std::string second = "http://b" + std::to_string(round);
    RequestRecord record = named(std::to_string(round), 2);
    record.attempts.emplace_back().backend = first;
    record.attempts.emplace_back().backend = second;
    record.pass_over(second, PassedOver::down);
    recent.add(record, {});
    first.assign(first.size(), '!');
    second.assign(second.size(), '!');
  }
  const std::vector<RecentRequest> copies = recent.notable_after(0, 10);
  ASSERT_EQ(copies.size(), 2U);
  for (const RecentRequest& copy : copies) {
    const RequestRecord& record = copy.record();
    EXPECT_TRUE(record.attempts.at(0).backend.starts_with("http://first-xxx"));
    EXPECT_EQ(record.attempts.at(1).backend, "http://b" + record.id);
    EXPECT_EQ(record.passed.at(0).backend, "http://b" + record.id);
  }
}

// A client may use an id twice.
TEST(TelemetryRecentRequests, the_newest_of_an_id_is_found) {
  RecentRequests recent(4, 4);
  recent.add(named("a", 2), {});
  recent.add(named("a"), {});
  EXPECT_EQ(recent.find("a")->number(), 2U);
  recent.add(named("a", 3), {});
  EXPECT_EQ(recent.find("a")->number(), 3U);
}

TEST(TelemetryRecorder, keeps_records_only_when_somebody_may_ask) {
  test::ManualClock clock;
  Recorder recorder(0, clock);
  recorder.record(named("early"));
  EXPECT_FALSE(recorder.wants_texts());
  recorder.configure({.keep_recent = true});
  EXPECT_TRUE(recorder.wants_texts());
  recorder.record(named("late"));
  EXPECT_EQ(recorder.recent().find("early"), nullptr);
  EXPECT_NE(recorder.recent().find("late"), nullptr);
  EXPECT_EQ(recorder.counters().requests.value(), 2U);
  EXPECT_EQ(recorder.counters().answers[2].value(), 2U);
}

TEST(TelemetryRequestRecord, more_than_it_has_room_for_is_counted) {
  RequestRecord record;
  std::vector<std::string> urls;
  for (int i = 0; i < 50; ++i) urls.push_back(std::to_string(i));
  for (int i = 0; i < 100; ++i) record.pass_over(urls[static_cast<std::size_t>(i % 50)], PassedOver::down);
  EXPECT_EQ(record.passed.size(), RequestRecord::kPassedMax);
  EXPECT_GE(record.passed_over, 50U);
  record.clear();
  EXPECT_EQ(record.passed_over, 0U);
  EXPECT_TRUE(record.passed.empty());
}

}  // namespace
}  // namespace lb::telemetry
