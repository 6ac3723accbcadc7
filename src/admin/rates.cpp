#include "admin/rates.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>

#include <boost/json/array.hpp>

namespace lb::admin {
namespace {

namespace json = boost::json;
using telemetry::BackendTotals;
using telemetry::ClientTotals;
using telemetry::Distribution;

// In milliseconds with three decimals; null if nothing was counted.
json::value quantile_ms(const Distribution& distribution, double quantile) {
  if (distribution.count() == 0) return nullptr;
  return std::round(distribution.quantile_micros(quantile)) / 1000;
}

std::uint64_t errors_of(const ClientTotals& totals) {
  return totals.answers[5] + totals.endings[static_cast<std::size_t>(telemetry::Ending::backend)];
}

std::uint64_t errors_of(const BackendTotals& totals) {
  return totals.answers[5] + totals.failures();
}

double per_second(std::uint64_t before, std::uint64_t now, double seconds) {
  return std::round(static_cast<double>(now - before) / seconds * 1000) / 1000;
}

Distribution since(const Distribution& before, Distribution now) {
  now -= before;
  return now;
}

void add_rates(json::object& requests, const ClientTotals& before, const ClientTotals& now, double seconds) {
  const Distribution latency = since(before.total, now.total);
  requests["per_second"] = per_second(before.requests, now.requests, seconds);
  requests["errors_per_second"] = per_second(errors_of(before), errors_of(now), seconds);
  requests["p50_ms"] = quantile_ms(latency, 0.5);
  requests["p99_ms"] = quantile_ms(latency, 0.99);
}

json::object rates_of(const BackendTotals& before, const BackendTotals& now, double seconds, std::uint64_t all) {
  const Distribution latency = since(before.total, now.total);
  const std::uint64_t attempts = now.attempts - before.attempts;
  json::object rates;
  rates["requests_per_second"] = per_second(before.attempts, now.attempts, seconds);
  rates["errors_per_second"] = per_second(errors_of(before), errors_of(now), seconds);
  rates["p50_ms"] = quantile_ms(latency, 0.5);
  rates["p99_ms"] = quantile_ms(latency, 0.99);
  if (all == 0) {
    rates["share"] = nullptr;
  } else {
    rates["share"] = std::round(1e4 * static_cast<double>(attempts) / static_cast<double>(all)) / 1e4;
  }
  return rates;
}

json::object unknown_rates() {
  json::object rates;
  for (const auto* name : {"requests_per_second", "errors_per_second", "p50_ms", "p99_ms", "share"}) {
    rates[name] = nullptr;
  }
  return rates;
}

// The counts of a backend at that moment; null if there was no such backend. One that left and came back is another.
const BackendTotals* find(const Snapshot& moment, const BackendSnapshot& wanted, std::size_t index) {
  const auto is_wanted = [&](const BackendSnapshot& one) { return one.endpoint == wanted.endpoint; };
  const auto& backends = moment.backends;
  if (index < backends.size() && is_wanted(backends[index])) return &backends[index].totals;  // as nearly always
  const auto found = std::ranges::find_if(backends, is_wanted);
  return found == backends.end() ? nullptr : &found->totals;
}

}  // namespace

void add_rates(json::object& status, const Snapshot* before, const Snapshot& now) {
  json::object& requests = status["requests"].as_object();
  json::array& backends = status["backends"].as_array();
  if (before == nullptr || now.uptime <= before->uptime) {
    for (const auto* name : {"per_second", "errors_per_second", "p50_ms", "p99_ms"}) requests[name] = nullptr;
    for (json::value& backend : backends) backend.as_object()["now"] = unknown_rates();
    return;
  }
  const double seconds = std::chrono::duration<double>(now.uptime - before->uptime).count();
  add_rates(requests, before->clients, now.clients, seconds);
  const BackendTotals nothing;
  std::vector<const BackendTotals*> earlier;
  std::uint64_t all = 0;
  for (std::size_t i = 0; i < now.backends.size(); ++i) {
    const BackendTotals* found = find(*before, now.backends[i], i);
    earlier.push_back(found != nullptr ? found : &nothing);
    all += now.backends[i].totals.attempts - earlier.back()->attempts;
  }
  for (std::size_t i = 0; i < backends.size() && i < earlier.size(); ++i) {
    backends[i].as_object()["now"] = rates_of(*earlier[i], now.backends[i].totals, seconds, all);
  }
}

}  // namespace lb::admin
