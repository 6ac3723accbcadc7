// What exchanges and checks mean for one of an endpoint's several addresses.
#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "support/cluster.hpp"

namespace lb::upstream {
namespace {

class UpstreamHealthRecorder : public testing::Test {
 protected:
  void fail(std::size_t at, int times) {
    for (int i = 0; i < times; ++i) cluster.record_failure(endpoint, *set.list[at], set, "no answer");
  }
  [[nodiscard]] bool is_out(std::size_t at) const { return set.list[at]->out; }

  test::Cluster cluster{{{"http://web", "web"}}, {.failures = 3, .rise = 2, .fall = 2}};
  Endpoint& endpoint = cluster.endpoint(0);
  AddressSet set{
      {std::make_shared<Address>(1U, net::Tcp::endpoint()), std::make_shared<Address>(2U, net::Tcp::endpoint())}};
};

TEST_F(UpstreamHealthRecorder, failures_in_a_row_take_that_one_out_and_no_other) {
  fail(0, 2);
  cluster.record_success(endpoint, *set.list[0]);
  fail(0, 2);
  EXPECT_FALSE(is_out(0)) << "a success begins a new row";
  cluster.record_success(endpoint, *set.list[1]);
  fail(0, 1);
  EXPECT_TRUE(is_out(0)) << "whatever the others do meanwhile";
  EXPECT_FALSE(is_out(1));
  EXPECT_TRUE(endpoint.is_up());
  EXPECT_EQ(endpoint.failures_in_row(), 0U);
}

TEST_F(UpstreamHealthRecorder, the_endpoint_is_down_when_all_are_out) {
  fail(0, 3);
  fail(1, 2);
  EXPECT_TRUE(endpoint.is_up());
  fail(1, 1);
  EXPECT_FALSE(endpoint.is_up());
  EXPECT_EQ(endpoint.last_change().reason, "3 retries failed: no answer");
  cluster.record_recovery(endpoint);
  cluster.record_success(endpoint, *set.list[1]);
  EXPECT_TRUE(endpoint.is_up());
  EXPECT_FALSE(is_out(1));
  EXPECT_TRUE(is_out(0));
}

// The first check decides alone; after that it takes as many as are asked for.
TEST_F(UpstreamHealthRecorder, checks_take_one_out_and_bring_it_back) {
  Address& address = *set.list[0];
  cluster.record_check(endpoint, address, false, "refused");
  EXPECT_TRUE(is_out(0));
  cluster.record_check(endpoint, address, true, "");
  EXPECT_TRUE(is_out(0));
  cluster.record_check(endpoint, address, true, "");
  EXPECT_FALSE(is_out(0));
  cluster.record_check(endpoint, address, false, "refused");
  EXPECT_FALSE(is_out(0));
  cluster.record_check(endpoint, address, false, "refused");
  EXPECT_TRUE(is_out(0));
  EXPECT_EQ(endpoint.state(), HealthState::unknown) << "the endpoint has a result of its own";
}

TEST_F(UpstreamHealthRecorder, a_passed_check_begins_a_new_row_of_failures) {
  cluster.record_check(endpoint, *set.list[0], true, "");
  fail(0, 2);
  cluster.record_check(endpoint, *set.list[0], true, "");
  fail(0, 2);
  EXPECT_FALSE(is_out(0));
}

}  // namespace
}  // namespace lb::upstream
