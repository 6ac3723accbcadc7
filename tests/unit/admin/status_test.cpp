#include "admin/status.hpp"

#include <memory>
#include <string>

#include <boost/json.hpp>
#include <gtest/gtest.h>

#include "admin/json_text.hpp"
#include "unit/admin/snapshots.hpp"

namespace lb::admin {
namespace {

namespace json = boost::json;

TEST(AdminStatus, holds_what_was_counted) {
  const json::value status = status_json(test::snapshot());
  EXPECT_EQ(status.at("started").as_string(), "1970-01-01T23:53:20.000Z");
  EXPECT_EQ(status.at("uptime_seconds").as_double(), 500.25);
  EXPECT_EQ(status.at_pointer("/requests/total").to_number<int>(), 7);
  EXPECT_EQ(status.at_pointer("/requests/by_class/5xx").to_number<int>(), 2);
  EXPECT_EQ(status.at_pointer("/requests/refused/no_backend").to_number<int>(), 2);
  EXPECT_FALSE(status.at_pointer("/requests/refused").as_object().contains("none"));
  EXPECT_FALSE(status.at_pointer("/reload/last/ok").as_bool());
  const json::value& backend = status.at_pointer("/backends/0");
  EXPECT_EQ(backend.at("attempts").to_number<int>(), 6);
  EXPECT_EQ(backend.at("in_flight").to_number<int>(), 1);
  EXPECT_EQ(backend.at_pointer("/results/answered").to_number<int>(), 5);
  EXPECT_EQ(backend.at_pointer("/bytes/response").to_number<int>(), 50);
  EXPECT_EQ(backend.at_pointer("/checks/0/took_ms").to_number<int>(), 3);
  EXPECT_EQ(backend.at("since").as_string(), "1970-01-02T00:00:00.000Z");
  EXPECT_EQ(backend.at("next_check").as_string(), "1970-01-02T00:02:00.000Z");
}

TEST(AdminStatus, what_was_never_counted_is_null) {
  Snapshot snapshot = test::snapshot();
  snapshot.last_reload.reset();
  snapshot.backends[0].next_check.reset();
  const json::value status = status_json(snapshot);
  EXPECT_TRUE(status.at_pointer("/reload/last").is_null());
  EXPECT_TRUE(status.at_pointer("/backends/0/next_check").is_null());
  EXPECT_TRUE(status.at_pointer("/backends/1/latency_ms/total/p99").is_null());
  EXPECT_TRUE(status.at_pointer("/backends/0/latency_ms/first_byte/p50").is_null());
}

// Goal: quantiles are in milliseconds, three decimals. Method: all lie in the bucket from 2 to 3 ms.
TEST(AdminStatus, latencies_are_in_milliseconds) {
  const json::value status = status_json(test::snapshot());
  const double p50 = status.at_pointer("/backends/0/latency_ms/total/p50").as_double();
  EXPECT_GT(p50, 2);
  EXPECT_LE(p50, 3);
  EXPECT_EQ(p50 * 1000, static_cast<int>(p50 * 1000 + 0.5));
}

// Goal: what is sent in pieces is the same document.
TEST(AdminStatus, in_pieces_is_the_same) {
  Snapshot many = test::snapshot();
  for (int i = 0; i < 100; ++i) many.backends.push_back(test::backend_snapshot("http://c:" + std::to_string(i + 1), 1));
  for (const std::size_t backends : {0U, 1U, 2U, 102U}) {
    Snapshot some = many;
    some.backends.resize(backends);
    const auto pieces = backends_pieces(server_json(some), std::make_shared<const Snapshot>(some));
    std::string text;
    std::size_t count = 1;
    while (pieces->next(text)) ++count;
    EXPECT_EQ(text, json_text(status_json(some)) + "\n") << backends;
    EXPECT_EQ(count > 2, backends > 100);
  }
}

}  // namespace
}  // namespace lb::admin
