#include "http/load_report.hpp"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace lb::http {
namespace {

TEST(HttpLoadReport, the_text_format_of_orca) {
  const auto report = parse_load_report("TEXT named_metrics.rif=12, named_metrics.latency_ms=34.5");
  ASSERT_TRUE(report.has_value());
  EXPECT_EQ(report->requests_in_flight, 12);
  EXPECT_EQ(report->latency_ms, 34.5);
}

TEST(HttpLoadReport, other_metrics_and_spaces_are_passed_over) {
  const auto report =
      parse_load_report("TEXT cpu_utilization=0.7 ,  named_metrics.rif = 3 ,, mem_utilization=x, named_metrics.foo=");
  ASSERT_TRUE(report.has_value());
  EXPECT_EQ(report->requests_in_flight, 3);
  EXPECT_EQ(report->latency_ms, 0) << "not said";
}

TEST(HttpLoadReport, what_is_malformed_or_does_not_say_how_many_is_no_report) {
  for (const std::string_view value :
       {"", "TEXT", "TEXT ", "JSON {\"named_metrics\":{\"rif\":1}}", "BIN AAAA", "named_metrics.rif=1",
        "text named_metrics.rif=1", "TEXT named_metrics.latency_ms=3", "TEXT named_metrics.rif",
        "TEXT named_metrics.rif=", "TEXT named_metrics.rif=-1", "TEXT named_metrics.rif=nan",
        "TEXT named_metrics.rif=inf", "TEXT named_metrics.rif=1e10", "TEXT named_metrics.rif=1x",
        "TEXT named_metrics.rif=0x10", "TEXT named_metrics.rif=1, named_metrics.latency_ms=fast",
        "TEXT named_metrics.rif=1e999"})
    EXPECT_FALSE(parse_load_report(value).has_value()) << value;
}

TEST(HttpLoadReport, the_last_one_said_counts) {
  const auto report = parse_load_report("TEXT named_metrics.rif=1, named_metrics.rif=2");
  ASSERT_TRUE(report.has_value());
  EXPECT_EQ(report->requests_in_flight, 2);
}

}  // namespace
}  // namespace lb::http
