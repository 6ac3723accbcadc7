#include "upstream/service_record.hpp"

#include <gtest/gtest.h>

namespace lb::upstream {
namespace {

constexpr RequestKind kOne = 10;
constexpr RequestKind kOther = 20;
constexpr RequestKind kServed = 30;

base::TimePoint at(int seconds) {
  return base::TimePoint(std::chrono::seconds(seconds));
}

// Goal: a backend that fails requests of all kinds now and then is no witness against one of them. Method: another kind
// failed within the minute, with successes between.
TEST(UpstreamServiceRecord, failures_of_other_kinds_within_the_minute_count) {
  ServiceRecord record(1);
  record.note_success(0, kServed, at(100));
  record.note_failure(kOther, true);
  record.note_success(0, kServed, at(110));
  record.note_failure(kOne, true);
  EXPECT_FALSE(record.serves_others(kOne, at(111)));
  record.note_success(0, kServed, at(200));
  record.note_failure(kOne, true);
  EXPECT_TRUE(record.serves_others(kOne, at(201)));
}

TEST(UpstreamServiceRecord, a_failure_that_was_taken_back_speaks_against_no_other_kind) {
  ServiceRecord record(1);
  record.note_success(0, kServed, at(100));
  record.note_failure(kOther, true);
  record.take_back_failure();
  record.note_success(0, kServed, at(101));
  record.note_failure(kOne, true);
  EXPECT_TRUE(record.serves_others(kOne, at(102)));
}

}  // namespace
}  // namespace lb::upstream
