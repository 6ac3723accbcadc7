#include "upstream/endpoint.hpp"

#include <gtest/gtest.h>

namespace lb::upstream {
namespace {

TEST(UpstreamEndpoint, one_that_was_never_checked_counts_as_up) {
  Endpoint endpoint({"http://a", "a"}, 0);
  EXPECT_TRUE(endpoint.is_up());
  EXPECT_EQ(endpoint.record_check(true, {}), Change::came_up) << "the first check is a change";
  EXPECT_EQ(endpoint.record_check(true, {}), Change::none);
}

TEST(UpstreamEndpoint, failures_in_a_row_mark_it_down_once) {
  Endpoint endpoint({"http://a", "a"}, 0);
  EXPECT_EQ(endpoint.record_failure(3), Change::none);
  EXPECT_EQ(endpoint.record_failure(3), Change::none);
  EXPECT_TRUE(endpoint.is_up());
  EXPECT_EQ(endpoint.record_failure(3), Change::went_down);
  EXPECT_FALSE(endpoint.is_up());
  EXPECT_EQ(endpoint.record_failure(3), Change::none);
  EXPECT_FALSE(endpoint.is_up());
}

TEST(UpstreamEndpoint, a_success_sets_the_count_back) {
  Endpoint endpoint({"http://a", "a"}, 0);
  for (int round = 0; round < 5; ++round) {
    EXPECT_EQ(endpoint.record_failure(3), Change::none);
    EXPECT_EQ(endpoint.record_failure(3), Change::none);
    endpoint.record_success();
  }
  EXPECT_TRUE(endpoint.is_up());
}

TEST(UpstreamEndpoint, coming_up_sets_the_count_back) {
  Endpoint endpoint({"http://a", "a"}, 0);
  for (int i = 0; i < 3; ++i) static_cast<void>(endpoint.record_failure(3));
  EXPECT_EQ(endpoint.record_check(true, {}), Change::came_up);
  EXPECT_EQ(endpoint.record_failure(3), Change::none);
  EXPECT_EQ(endpoint.record_failure(3), Change::none);
  EXPECT_EQ(endpoint.record_failure(3), Change::went_down);
}

TEST(UpstreamEndpoint, a_success_alone_does_not_bring_it_back) {
  Endpoint endpoint({"http://a", "a"}, 0);
  EXPECT_EQ(endpoint.record_check(false, {}), Change::went_down);
  endpoint.record_success();
  EXPECT_FALSE(endpoint.is_up());
  EXPECT_EQ(endpoint.record_check(false, {}), Change::none);
}

// Before: checks that had passed long ago counted, and one more brought back what requests had just marked down.
TEST(UpstreamEndpoint, checks_in_a_row_begin_anew_when_exchanges_have_changed_the_state) {
  const Thresholds thresholds{.failures = 3, .rise = 3, .fall = 2};
  Endpoint endpoint({"http://a", "a"}, 0);
  EXPECT_EQ(endpoint.record_check(true, thresholds), Change::came_up) << "the first one decides alone";
  for (int i = 0; i < 5; ++i) EXPECT_EQ(endpoint.record_check(true, thresholds), Change::none);
  for (int i = 0; i < 3; ++i) static_cast<void>(endpoint.record_failure(thresholds.failures));
  EXPECT_FALSE(endpoint.is_up());
  EXPECT_EQ(endpoint.record_check(true, thresholds), Change::none);
  EXPECT_EQ(endpoint.record_check(true, thresholds), Change::none);
  EXPECT_EQ(endpoint.record_check(true, thresholds), Change::came_up);
  EXPECT_EQ(endpoint.record_check(false, thresholds), Change::none);
  EXPECT_EQ(endpoint.record_check(false, thresholds), Change::went_down);
  EXPECT_EQ(endpoint.record_recovery(), Change::came_up);
  EXPECT_EQ(endpoint.record_check(false, thresholds), Change::none);
  EXPECT_EQ(endpoint.record_check(false, thresholds), Change::went_down);
}

}  // namespace
}  // namespace lb::upstream
