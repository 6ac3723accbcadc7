#include "proxy/retry_budget.hpp"

#include <gtest/gtest.h>

namespace lb::proxy {
namespace {

unsigned spend_all(RetryBudget& budget) {
  unsigned count = 0;
  while (count < 10'000 && budget.spend()) ++count;
  return count;
}

TEST(ProxyRetryBudget, starts_with_the_reserve) {
  RetryBudget budget;
  budget.record_request(50);
  EXPECT_EQ(spend_all(budget), base::kRetryReserve);
  EXPECT_FALSE(budget.spend());
}

TEST(ProxyRetryBudget, each_request_pays_its_share) {
  RetryBudget budget;
  budget.record_request(25);
  static_cast<void>(spend_all(budget));
  for (int i = 0; i < 3; ++i) budget.record_request(25);
  EXPECT_FALSE(budget.spend());
  budget.record_request(25);
  EXPECT_TRUE(budget.spend());
  EXPECT_FALSE(budget.spend());
  for (int i = 0; i < 400; ++i) budget.record_request(25);
  EXPECT_EQ(spend_all(budget), 100U);
}

TEST(ProxyRetryBudget, does_not_save_beyond_the_reserve) {
  RetryBudget budget;
  for (int i = 0; i < 10'000; ++i) budget.record_request(100);
  EXPECT_EQ(spend_all(budget), base::kRetryReserve);
}

// 0 means no budget, also after one was spent: the configuration may have been read again.
TEST(ProxyRetryBudget, zero_means_any_number) {
  RetryBudget budget;
  budget.record_request(1);
  EXPECT_EQ(spend_all(budget), base::kRetryReserve);
  budget.record_request(0);
  EXPECT_EQ(spend_all(budget), 10'000U);
  budget.record_request(1);
  EXPECT_FALSE(budget.spend()) << "a budget again";
}

}  // namespace
}  // namespace lb::proxy
