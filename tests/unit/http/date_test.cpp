#include "http/date.hpp"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace lb::http {
namespace {

struct DateCase {
  std::time_t seconds;
  std::string_view text;
};

TEST(HttpDate, known_dates) {
  DateCache dates;
  for (const DateCase& c : {
           DateCase{0, "Thu, 01 Jan 1970 00:00:00 GMT"},
           DateCase{784'111'777, "Sun, 06 Nov 1994 08:49:37 GMT"},  // the example of RFC 9110 section 5.6.7
           DateCase{951'782'399, "Mon, 28 Feb 2000 23:59:59 GMT"},
           DateCase{951'782'400, "Tue, 29 Feb 2000 00:00:00 GMT"},
           DateCase{1'709'251'199, "Thu, 29 Feb 2024 23:59:59 GMT"},
           DateCase{2'147'483'648, "Tue, 19 Jan 2038 03:14:08 GMT"},
           DateCase{253'402'300'799, "Fri, 31 Dec 9999 23:59:59 GMT"},
       }) {
    EXPECT_EQ(dates.at(c.seconds), c.text);
    EXPECT_EQ(dates.at(c.seconds), c.text) << "a second time, from the cache";
  }
}

TEST(HttpDate, time_may_go_back) {
  DateCache dates;
  EXPECT_EQ(dates.at(60), "Thu, 01 Jan 1970 00:01:00 GMT");
  EXPECT_EQ(dates.at(59), "Thu, 01 Jan 1970 00:00:59 GMT");
}

// Method: one day of each month of a year, which has every weekday as well.
TEST(HttpDate, every_month_and_weekday_has_its_name) {
  DateCache dates;
  std::string seen;
  for (int day = 0; day < 365; ++day) seen += dates.at(static_cast<std::time_t>(day) * 86'400);
  for (const std::string_view name : {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov",
                                      "Dec", "Mon,", "Tue,", "Wed,", "Thu,", "Fri,", "Sat,", "Sun,"}) {
    EXPECT_NE(seen.find(name), std::string::npos) << name;
  }
}

}  // namespace
}  // namespace lb::http
