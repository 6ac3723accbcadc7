#include "base/date_text.hpp"

#include <gtest/gtest.h>

namespace lb::base {
namespace {

using std::chrono::milliseconds;

TEST(BaseRfc3339, is_in_utc_with_milliseconds) {
  EXPECT_EQ(rfc3339(WallTime()), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(rfc3339(WallTime(milliseconds(951'782'400'007))), "2000-02-29T00:00:00.007Z");
  EXPECT_EQ(rfc3339(WallTime(std::chrono::seconds(4'102'444'799))), "2099-12-31T23:59:59.000Z");
}

// What is not a whole millisecond is cut off, so that no time is told before it has come.
TEST(BaseRfc3339, rounds_down) {
  EXPECT_EQ(rfc3339(WallTime(std::chrono::microseconds(1'999'999))), "1970-01-01T00:00:01.999Z");
}

}  // namespace
}  // namespace lb::base
