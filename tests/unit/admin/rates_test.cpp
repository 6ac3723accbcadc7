#include "admin/rates.hpp"

#include <initializer_list>
#include <memory>
#include <string>

#include <boost/json/parse.hpp>
#include <gtest/gtest.h>

namespace lb::admin {
namespace {

namespace json = boost::json;

std::shared_ptr<upstream::Endpoint> endpoint(const std::string& url) {
  return std::make_shared<upstream::Endpoint>(upstream::BackendSpec{.url = url, .host = "h"}, 0);
}

struct Counted {
  std::shared_ptr<upstream::Endpoint> endpoint;
  std::uint64_t attempts = 0;
};

Snapshot at(base::Duration uptime, std::initializer_list<Counted> backends) {
  Snapshot snapshot;
  snapshot.uptime = uptime;
  for (const Counted& one : backends) {
    BackendSnapshot& backend = snapshot.backends.emplace_back();
    backend.endpoint = one.endpoint;
    backend.totals.attempts = one.attempts;
    snapshot.clients.requests += one.attempts;
  }
  return snapshot;
}

// What add_rates() adds to a status document without anything else.
json::object rates(const Snapshot* before, const Snapshot& now) {
  json::object status;
  status["requests"] = json::object();
  json::array& backends = status["backends"].emplace_array();
  for (std::size_t i = 0; i < now.backends.size(); ++i) backends.push_back(json::object());
  add_rates(status, before, now);
  return status;
}

constexpr base::Duration kSecond{1000};

TEST(AdminRates, are_unknown_at_first) {
  const Snapshot now = at(kSecond, {{endpoint("http://a:80"), 10}});
  EXPECT_EQ(json::value(rates(nullptr, now)), json::parse(R"({
    "requests": {"per_second": null, "errors_per_second": null, "p50_ms": null, "p99_ms": null},
    "backends": [{"now": {"requests_per_second": null, "errors_per_second": null, "p50_ms": null, "p99_ms": null,
                          "share": null}}]})"));
}

// Two seconds: 30 attempts here and 10 there are 15 and 5 a second, and three quarters and one of the whole.
TEST(AdminRates, are_what_happened_between_two_moments_per_second) {
  const auto a = endpoint("http://a:80");
  const auto b = endpoint("http://b:80");
  const Snapshot before = at(kSecond, {{a, 100}, {b, 50}});
  const json::object status = rates(&before, at(3 * kSecond, {{a, 130}, {b, 60}}));
  EXPECT_EQ(status.at("requests").at("per_second"), 20.0);
  EXPECT_EQ(status.at("backends").at(0).at("now").at("requests_per_second"), 15.0);
  EXPECT_EQ(status.at("backends").at(0).at("now").at("share"), 0.75);
  EXPECT_EQ(status.at("backends").at(1).at("now").at("requests_per_second"), 5.0);
  EXPECT_EQ(status.at("backends").at(1).at("now").at("share"), 0.25);
}

TEST(AdminRates, nobody_has_a_share_of_nothing) {
  const auto a = endpoint("http://a:80");
  const Snapshot before = at(kSecond, {{a, 7}});
  const json::object status = rates(&before, at(2 * kSecond, {{a, 7}}));
  EXPECT_EQ(status.at("backends").at(0).at("now").at("requests_per_second"), 0.0);
  EXPECT_TRUE(status.at("backends").at(0).at("now").at("share").is_null());
}

// Latencies are those of the time between, not of all time: 1 ms before, about 100 ms now.
TEST(AdminRates, latencies_are_of_the_time_between) {
  const auto a = endpoint("http://a:80");
  telemetry::Histogram latency;
  const auto measured = [&](base::Duration uptime) {
    Snapshot snapshot = at(uptime, {{a, 1}});
    latency.add_to(snapshot.backends[0].totals.total);
    latency.add_to(snapshot.clients.total);
    return snapshot;
  };
  for (int i = 0; i < 1000; ++i) latency.record(telemetry::Micros(1'000));
  const Snapshot before = measured(kSecond);
  for (int i = 0; i < 100; ++i) latency.record(telemetry::Micros(90'000));
  const json::object status = rates(&before, measured(2 * kSecond));
  for (const json::value* where : {&status.at("requests"), &status.at("backends").at(0).at("now")}) {
    EXPECT_GT(where->at("p50_ms").as_double(), 70.0);
    EXPECT_LE(where->at("p99_ms").as_double(), 100.0);
  }
}

// Failed attempts and answers of class 5xx are a backend's errors; broken answers and those of class 5xx the clients'.
TEST(AdminRates, errors_are_failures_and_5xx) {
  const auto a = endpoint("http://a:80");
  const Snapshot before = at(kSecond, {{a, 0}});
  Snapshot now = at(2 * kSecond, {{a, 9}});
  now.backends[0].totals.answers = {0, 0, 5, 0, 1, 2};
  now.backends[0].totals.results[static_cast<std::size_t>(telemetry::AttemptResult::not_connected)] = 3;
  now.clients.answers = {0, 0, 5, 0, 1, 4};
  now.clients.endings[static_cast<std::size_t>(telemetry::Ending::backend)] = 1;
  const json::object status = rates(&before, now);
  EXPECT_EQ(status.at("backends").at(0).at("now").at("errors_per_second"), 5.0);
  EXPECT_EQ(status.at("requests").at("errors_per_second"), 5.0);
}

// A backend that left and came back counts from 0 again: its counts of before are another's.
TEST(AdminRates, a_backend_that_came_back_starts_anew) {
  const auto a = endpoint("http://a:80");
  const auto b = endpoint("http://b:80");
  const Snapshot before = at(kSecond, {{a, 1000}, {b, 10}});
  const json::object status = rates(&before, at(2 * kSecond, {{b, 12}, {endpoint("http://a:80"), 6}}));
  EXPECT_EQ(status.at("backends").at(0).at("now").at("requests_per_second"), 2.0);
  EXPECT_EQ(status.at("backends").at(1).at("now").at("requests_per_second"), 6.0);
  EXPECT_EQ(status.at("backends").at(1).at("now").at("share"), 0.75);
}

}  // namespace
}  // namespace lb::admin
