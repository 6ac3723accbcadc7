#include "support/cluster.hpp"

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/log.hpp"

namespace lb::upstream {
namespace {

std::vector<BackendSpec> specs(std::size_t count) {
  std::vector<BackendSpec> backends;
  for (std::size_t i = 0; i < count; ++i) {
    const std::string host = "b" + std::to_string(i);
    backends.push_back({"http://" + host + ":8080", host, 8080, 1, 0});
  }
  return backends;
}

// Picks with nothing tried yet, as one text.
std::string picks(test::Cluster& cluster, std::size_t count) {
  std::string text;
  for (std::size_t i = 0; i < count; ++i) {
    const auto pick = test::pick(*cluster.members());
    text += pick ? std::to_string(pick.endpoint->slot()) + (pick.last_resort ? "!" : "") : "-";
  }
  return text;
}

TEST(UpstreamCluster, those_that_are_up_are_picked_in_turn) {
  test::Cluster cluster(specs(3), {.failures = 3});
  EXPECT_EQ(picks(cluster, 7), "0120120");
  cluster.record_check(cluster.endpoint(1), false, "refused");
  EXPECT_EQ(picks(cluster, 4), "2020");
  cluster.record_check(cluster.endpoint(1), true, "refused");
  EXPECT_EQ(picks(cluster, 4), "1201");
}

TEST(UpstreamCluster, weights_count) {
  auto backends = specs(2);
  backends[0].weight = 2;
  test::Cluster cluster(backends, {.failures = 3});
  EXPECT_EQ(picks(cluster, 6), "010010");
}

TEST(UpstreamCluster, a_pick_names_its_endpoint) {
  test::Cluster cluster(specs(2), {.failures = 3});
  const auto pick = test::pick(*cluster.members());
  ASSERT_TRUE(pick);
  EXPECT_EQ(pick.endpoint, &cluster.endpoint(0));
  EXPECT_EQ(pick.endpoint->url(), "http://b0:8080");
  EXPECT_EQ(cluster.endpoint(1).host(), "b1");
}

TEST(UpstreamCluster, one_that_was_tried_is_not_picked_again) {
  test::Cluster cluster(specs(3), {.failures = 3});
  Tried tried;
  std::vector<bool> seen(3, false);
  for (int i = 0; i < 3; ++i) {
    const auto pick = test::pick(*cluster.members(), tried);
    ASSERT_TRUE(pick);
    EXPECT_FALSE(seen[pick.endpoint->slot()]);
    seen[pick.endpoint->slot()] = true;
    tried.push_back(pick.endpoint->slot());
  }
  EXPECT_FALSE(test::pick(*cluster.members(), tried)) << "exhausted";
}

TEST(UpstreamCluster, when_none_is_up_all_are_tried_as_a_last_resort) {
  test::Cluster cluster(specs(2), {.failures = 3});
  for (std::size_t i = 0; i < 2; ++i) cluster.record_check(cluster.endpoint(i), false, "refused");
  EXPECT_FALSE(cluster.endpoint(0).is_up() || cluster.endpoint(1).is_up());
  EXPECT_EQ(picks(cluster, 4), "0!1!0!1!");
  EXPECT_FALSE(test::pick(*cluster.members(), {0, 1}));
  cluster.record_recovery(cluster.endpoint(1));
  EXPECT_TRUE(cluster.endpoint(1).is_up());
  EXPECT_EQ(picks(cluster, 3), "111");
}

// A request has failed at all that are up: one that was marked down may have come back since, and is worth a try before
// the same ones come again.
TEST(UpstreamCluster, those_that_are_down_are_tried_when_all_that_are_up_were) {
  test::Cluster cluster(specs(2), {.failures = 3});
  cluster.record_check(cluster.endpoint(1), false, "refused");
  const Pick pick = test::pick(*cluster.members(), {0});
  EXPECT_EQ(pick.endpoint, &cluster.endpoint(1));
  EXPECT_TRUE(pick.last_resort);
  EXPECT_FALSE(test::pick(*cluster.members(), {0, 1}));
}

TEST(UpstreamCluster, failures_in_a_row_take_an_endpoint_out) {
  test::Cluster cluster(specs(2), {.failures = 2});
  cluster.record_failure(cluster.endpoint(0), "refused");
  cluster.record_success(cluster.endpoint(0));
  cluster.record_failure(cluster.endpoint(0), "refused");
  EXPECT_TRUE(cluster.endpoint(0).is_up());
  cluster.record_failure(cluster.endpoint(0), "refused");
  EXPECT_EQ(picks(cluster, 2), "11");
}

TEST(UpstreamCluster, the_backends_own_name_is_ready_for_requests_without_one) {
  test::Cluster cluster({{"http://a", "a"}, {"http://a:81", "a", 81}, {"http://[::1]:82", "::1", 82}}, {});
  EXPECT_EQ(cluster.endpoint(0).host_line(), "Host: a\r\n");
  EXPECT_EQ(cluster.endpoint(1).host_line(), "Host: a:81\r\n");
  EXPECT_EQ(cluster.endpoint(2).host_line(), "Host: [::1]:82\r\n");
}

std::vector<std::string> lines_of(const std::string& written) {
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < written.size();) {
    const std::size_t end = written.find('\n', at);
    const std::string line = written.substr(at, end - at);
    lines.push_back(line.substr(std::min(line.find("http://"), line.size())));
    at = end + 1;
  }
  return lines;
}

// Goal: users find each change, once, in the words they were promised. Method: a real logger whose output is captured.
TEST(UpstreamCluster, each_change_of_state_is_one_line_that_ends_as_promised) {
  testing::internal::CaptureStderr();
  base::start_logging(base::LogLevel::info);
  test::Cluster cluster(specs(2), {.failures = 3});
  for (int i = 0; i < 5; ++i) cluster.record_failure(cluster.endpoint(1), "refused");
  for (int i = 0; i < 2; ++i) cluster.record_check(cluster.endpoint(1), true, "refused");
  for (int i = 0; i < 2; ++i) cluster.record_check(cluster.endpoint(1), false, "refused");
  for (int i = 0; i < 2; ++i) cluster.record_recovery(cluster.endpoint(1));
  base::stop_logging();
  EXPECT_EQ(lines_of(testing::internal::GetCapturedStderr()),
            (std::vector<std::string>{"http://b1:8080 failed: refused", "http://b1:8080 [down] (3 retries failed)",
                                      "http://b1:8080 [up]", "http://b1:8080 failed: refused",
                                      "http://b1:8080 [down] (health check failed)", "http://b1:8080 [up]"}));
}

// Goal: a backend that dies between two checks is not accused of a contradiction; one whose last request went well is.
TEST(UpstreamCluster, a_failed_check_is_held_against_the_last_request_alone) {
  testing::internal::CaptureStderr();
  base::start_logging(base::LogLevel::info);
  test::Cluster cluster(specs(2), {.failures = 3});
  for (const std::size_t i : {0U, 1U}) {
    cluster.record_check(cluster.endpoint(i), true, "");
    cluster.endpoint(i).record_success();
  }
  cluster.record_failure(cluster.endpoint(0), "refused");
  for (const std::size_t i : {0U, 1U}) cluster.record_check(cluster.endpoint(i), false, "refused");
  base::stop_logging();
  EXPECT_EQ(
      lines_of(testing::internal::GetCapturedStderr()),
      (std::vector<std::string>{"http://b0:8080 [up]", "http://b1:8080 [up]", "http://b0:8080 failed: refused",
                                "http://b0:8080 [down] (health check failed)", "http://b1:8080 failed: refused",
                                "http://b1:8080 [down] (health check failed)",
                                "http://b1:8080 fails its health check although the last request to it succeeded"}));
}

}  // namespace
}  // namespace lb::upstream
