#include "admin/metrics.hpp"

#include <map>
#include <memory>
#include <regex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "admin/exposition.hpp"
#include "admin/limits.hpp"
#include "unit/admin/snapshots.hpp"

namespace lb::admin {
namespace {

std::string metrics_text(Snapshot snapshot) {
  const auto pieces = metrics_pieces(std::make_shared<const Snapshot>(std::move(snapshot)));
  std::string text;
  while (pieces->next(text)) continue;
  return text;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = text.find('\n', begin);
    lines.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return lines;
}

// Goal: what Prometheus reads, by the grammar of its text format 0.0.4 and the customs that its linter checks. Method:
// line by line; each family once, with HELP and TYPE before its samples, which belong to it and are there once.
TEST(AdminMetrics, obey_the_grammar) {
  const std::regex help(R"(# HELP (load_balancer_[a-z_]+) \S.*)");
  const std::regex type(R"(# TYPE (load_balancer_[a-z_]+) (counter|gauge|histogram))");
  const std::string label = R"re([a-z]+="(?:[^"\\\n]|\\["\\n])*")re";
  const std::regex sample(R"((load_balancer_[a-z_]+)(\{)" + label + "(?:," + label + R"()*\})? ([0-9]+(?:\.[0-9]+)?))");
  const std::string text = metrics_text(test::snapshot());
  ASSERT_TRUE(text.ends_with('\n'));
  std::set<std::string> families;
  std::set<std::string> samples;
  std::string family;
  std::string kind;
  std::smatch match;
  for (const std::string& line : lines_of(text)) {
    if (std::regex_match(line, match, help)) {
      EXPECT_TRUE(families.insert(match[1]).second) << line;
      family = match[1];
      kind.clear();
      continue;
    }
    if (std::regex_match(line, match, type)) {
      EXPECT_EQ(match[1], family) << line;
      kind = match[2];
      EXPECT_EQ(kind == "counter", family.ends_with("_total")) << line;
      continue;
    }
    ASSERT_TRUE(std::regex_match(line, match, sample)) << line;
    ASSERT_FALSE(kind.empty()) << line;
    const std::string name = match[1];
    const bool is_part = name == family + "_bucket" || name == family + "_sum" || name == family + "_count";
    EXPECT_TRUE(kind == "histogram" ? is_part : name == family) << line;
    EXPECT_TRUE(samples.insert(name + std::string(match[2])).second) << "twice: " << line;
  }
  EXPECT_GT(families.size(), 25U);
}

TEST(AdminMetrics, values_of_labels_are_escaped) {
  EXPECT_EQ(label("a", "x\"y\\z\n"), R"(a="x\"y\\z\n")");
  const std::string text = metrics_text(test::snapshot());
  EXPECT_NE(text.find(R"(load_balancer_backend_up{backend="http://b\"\\:2"} 1)"), std::string::npos) << text;
}

// Goal: buckets are cumulated, at 1, 2 and 5 of each power of ten, and agree with the sum and the count.
TEST(AdminMetrics, histograms_are_cumulated) {
  telemetry::Histogram histogram;
  for (const int micros : {50, 100, 150, 300, 7'000, 80'000'000}) histogram.record(telemetry::Micros(micros));
  telemetry::Distribution distribution;
  histogram.add_to(distribution);
  Exposition out;
  out.family("x_seconds", "histogram", "X.");
  out.sample(distribution, "a=\"b\"");
  const std::string text = out.take();
  std::map<std::string, std::string> found;
  for (const std::string& line : lines_of(text))
    found[line.substr(0, line.find(' '))] = line.substr(line.find(' ') + 1);
  const auto bucket = [&](const std::string& bound) {
    return found["load_balancer_x_seconds_bucket{a=\"b\",le=\"" + bound + "\"}"];
  };
  EXPECT_EQ(bucket("0.0001"), "2");
  EXPECT_EQ(bucket("0.0002"), "3");
  EXPECT_EQ(bucket("0.0005"), "4");
  EXPECT_EQ(bucket("0.005"), "4");
  EXPECT_EQ(bucket("0.01"), "5");
  EXPECT_EQ(bucket("50"), "5");
  EXPECT_EQ(bucket("+Inf"), "6");
  EXPECT_EQ(bucket("0.0003"), "");
  EXPECT_EQ(found["load_balancer_x_seconds_count{a=\"b\"}"], "6");
  EXPECT_EQ(found["load_balancer_x_seconds_sum{a=\"b\"}"], "80.007600");
}

TEST(AdminMetrics, counts_of_workers_are_added_up) {
  const std::string text = metrics_text(test::snapshot());
  for (const char* line :
       {"load_balancer_backend_attempts_total{backend=\"http://a:1\",result=\"answered\"} 5\n",
        "load_balancer_backend_in_flight{backend=\"http://a:1\"} 1\n", "load_balancer_requests_total 7\n",
        "load_balancer_requests_refused_total{reason=\"no_backend\"} 2\n",
        "load_balancer_config_reloads_total{result=\"failure\"} 1\n",
        "load_balancer_backend_administration{backend=\"http://a:1\",state=\"active\"} 1\n",
        "load_balancer_backend_attempt_duration_seconds_bucket{backend=\"http://a:1\",le=\"0.005\"} 5\n",
        "load_balancer_start_time_seconds 86000.000000\n"}) {
    EXPECT_NE(text.find(line), std::string::npos) << line << text;
  }
}

// Goal: whatever the number of backends, no more than a piece is made at a time, and the whole is as if there were one.
TEST(AdminMetrics, of_many_backends_come_in_small_pieces) {
  Snapshot many = test::snapshot();
  for (int i = 0; i < 200; ++i) many.backends.push_back(test::backend_snapshot("http://c:" + std::to_string(i + 1), 1));
  const auto pieces = metrics_pieces(std::make_shared<const Snapshot>(many));
  std::string text;
  std::size_t count = 0;
  for (bool more = true; more; ++count) {
    std::string piece;
    more = pieces->next(piece);
    EXPECT_LE(piece.size(), 2 * kPieceBytes);
    text += piece;
  }
  EXPECT_GT(count, 20U);
  const std::string few = metrics_text(test::snapshot());
  for (const std::string& line : lines_of(few)) EXPECT_NE(text.find(line + "\n"), std::string::npos) << line;
}

}  // namespace
}  // namespace lb::admin
