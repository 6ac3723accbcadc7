#include "admin/history.hpp"

#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include <boost/json.hpp>
#include <gtest/gtest.h>

namespace lb::admin {
namespace {

namespace json = boost::json;

json::object status(double rate, std::initializer_list<const char*> backends) {
  json::array list;
  for (const char* const url : backends) {
    list.push_back({{"url", url}, {"now", {{"requests_per_second", rate / 2}, {"p50_ms", nullptr}}}});
  }
  return {{"requests", {{"per_second", rate}}}, {"clients", {{"connections", 3}}}, {"backends", std::move(list)}};
}

std::string rates(const History& history) {
  return json::serialize(history.server(history.end()).at("per_second"));
}

TEST(AdminHistory, keeps_what_a_status_says) {
  History history;
  history.add(status(1.25, {"http://a"}));
  history.skip(1);
  history.add(status(2, {"http://a", "http://b"}));
  EXPECT_EQ(rates(history), "[1.25E0,null,2E0]");
  const json::object server = history.server(2);
  EXPECT_EQ(json::serialize(server.at("connections")), "[3E0,null]");
  EXPECT_EQ(json::serialize(server.at("p99_ms")), "[null,null]");
  EXPECT_EQ(json::serialize(history.backend("http://a", 3).at("requests_per_second")), "[6.25E-1,null,1E0]");
  EXPECT_EQ(json::serialize(history.backend("http://b", 3).at("requests_per_second")), "[null,null,1E0]");
}

TEST(AdminHistory, is_two_minutes_long_and_forgets_who_left) {
  History history;
  for (int i = 0; i < 200; ++i) history.add(status(i, {"http://a", "http://b"}));
  EXPECT_EQ(history.server(history.end()).at("per_second").as_array().size(), kHistorySeconds);
  EXPECT_EQ(history.server(history.end()).at("per_second").as_array().front(), 80.0);
  history.add(status(0, {"http://b"}));
  EXPECT_EQ(history.backends(), (std::vector<std::string>{"http://b"}));
  EXPECT_TRUE(history.backend("http://a", history.end()).empty());
  history.skip(1'000'000);
  EXPECT_EQ(json::serialize(history.server(history.end()).at("per_second").as_array().back()), "null");
}

}  // namespace
}  // namespace lb::admin
