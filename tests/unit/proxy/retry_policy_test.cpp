#include "proxy/retry_policy.hpp"

#include <vector>

#include <gtest/gtest.h>

namespace lb::proxy {
namespace {

constexpr Verdict kAgain = Verdict::again;
constexpr Verdict kFree = Verdict::again_uncounted;
constexpr Verdict kNo = Verdict::give_up;

struct Row {
  FailedAt at;
  bool written;
  Verdict any_method;
  Verdict idempotent;
};

// The table of the product's description, row by row; the body could be sent again.
TEST(ProxyRetryPolicy, every_cell_of_the_table) {
  for (const Row& row : std::vector<Row>{
           {FailedAt::nothing_sent, false, kAgain, kAgain},
           {FailedAt::not_processed, true, kAgain, kAgain},
           {FailedAt::stale, false, kFree, kFree},
           {FailedAt::stale, true, kNo, kFree},
           {FailedAt::no_answer, true, kNo, kAgain},
           {FailedAt::bad_answer, true, kNo, kAgain},
           {FailedAt::over_limits, true, kNo, kNo},
           {FailedAt::answer_timeout, true, kNo, kAgain},
           {FailedAt::answer_started, true, kNo, kNo},
       }) {
    const int at = static_cast<int>(row.at);
    EXPECT_EQ(decide({row.at, false, row.written, true}), row.any_method) << at;
    EXPECT_EQ(decide({row.at, true, row.written, true}), row.idempotent) << at;
  }
}

TEST(ProxyRetryPolicy, a_body_that_is_not_kept_is_never_sent_again) {
  for (const FailedAt at : {FailedAt::nothing_sent, FailedAt::not_processed, FailedAt::stale, FailedAt::no_answer,
                            FailedAt::bad_answer, FailedAt::answer_timeout, FailedAt::answer_started}) {
    for (const bool idempotent : {false, true}) {
      for (const bool written : {false, true}) EXPECT_EQ(decide({at, idempotent, written, false}), kNo);
    }
  }
}

TEST(ProxyRetryPolicy, nothing_is_repeated_by_default) {
  EXPECT_EQ(decide({}), kNo);
}

}  // namespace
}  // namespace lb::proxy
