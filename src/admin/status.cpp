#include "admin/status.hpp"

#include <array>
#include <cmath>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "admin/json_text.hpp"
#include "admin/limits.hpp"
#include "base/date_text.hpp"

namespace lb::admin {
namespace {

namespace json = boost::json;

constexpr std::array<std::string_view, telemetry::kStatusClasses> kClasses = {"other", "1xx", "2xx",
                                                                              "3xx",   "4xx", "5xx"};

json::object by_class(const std::array<std::uint64_t, telemetry::kStatusClasses>& counts) {
  json::object out;
  for (std::size_t i = 0; i < counts.size(); ++i) out[kClasses[i]] = counts[i];
  return out;
}

// One member for each value of the enumeration, from `first` on.
template <class Enum, std::size_t N>
json::object by_name(const std::array<std::uint64_t, N>& counts, std::size_t first = 0) {
  json::object out;
  for (std::size_t i = first; i < N; ++i) out[to_string(static_cast<Enum>(i))] = counts[i];
  return out;
}

json::value milliseconds(const telemetry::Distribution& latency, double quantile) {
  if (latency.count() == 0) return nullptr;
  return std::round(latency.quantile_micros(quantile)) / 1000;
}

json::value time_json(const std::optional<base::WallTime>& at) {
  return at ? json::value(base::rfc3339(*at)) : json::value(nullptr);
}

json::array checks_json(const std::vector<upstream::CheckRecord>& checks) {
  json::array out;
  for (const upstream::CheckRecord& check : checks) {
    out.push_back(json::object{{"at", base::rfc3339(check.at)},
                               {"passed", check.passed},
                               {"reason", check.reason},
                               {"took_ms", check.took.count()}});
  }
  return out;
}

json::object reloads_json(const Snapshot& snapshot) {
  json::object out{{"successes", snapshot.reload_successes}, {"failures", snapshot.reload_failures}, {"last", nullptr}};
  if (const auto& last = snapshot.last_reload) {
    out["last"] = json::object{{"at", base::rfc3339(last->at)}, {"ok", last->ok}, {"message", last->message}};
  }
  return out;
}

class BackendsPieces final : public Pieces {
 public:
  BackendsPieces(const json::object& object, std::shared_ptr<const Snapshot> snapshot)
      : snapshot_(std::move(snapshot)), text_(json_text(object)) {
    text_.pop_back();  // its brace
    text_ += object.empty() ? "\"backends\":[" : ",\"backends\":[";
  }

  bool next(std::string& out) override {
    const std::vector<BackendSnapshot>& backends = snapshot_->backends;
    while (backend_ < backends.size() && text_.size() < kPieceBytes) {
      if (backend_ > 0) text_ += ',';
      text_ += json_text(backend_json(backends[backend_++]));
    }
    const bool more = backend_ < backends.size();
    if (!more) text_ += "]}\n";
    out += std::exchange(text_, {});
    return more;
  }

 private:
  std::shared_ptr<const Snapshot> snapshot_;
  std::string text_;
  std::size_t backend_ = 0;  // the next one
};

}  // namespace

json::object latency_json(const telemetry::Distribution& latency) {
  return {{"p50", milliseconds(latency, 0.5)}, {"p99", milliseconds(latency, 0.99)}};
}

json::object backend_json(const BackendSnapshot& backend) {
  const upstream::Endpoint& endpoint = *backend.endpoint;
  const telemetry::BackendTotals& totals = backend.totals;
  const upstream::HealthChange change = endpoint.last_change();
  const bool changed = change.count > 0;
  json::object out;
  out["url"] = endpoint.url();
  out["state"] = to_string(endpoint.state());
  out["administration"] = to_string(endpoint.administration());
  out["reason"] = change.reason;
  out["since"] = time_json(changed ? std::optional(change.at) : std::nullopt);
  out["changes"] = change.count;
  const bool is_up = endpoint.is_up();
  const upstream::Remark remark = is_up ? endpoint.remark() : upstream::Remark();
  const bool is_suspended = is_up && endpoint.suspension() != upstream::Suspension::none;
  const bool is_reduced =
      is_up && endpoint.load().is_reduced() && endpoint.load().share_at(base::system_clock().now()) < 1;
  out["condition"] = is_suspended ? to_string(endpoint.suspension()) : is_reduced ? "reduced" : "well";
  out["condition_reason"] = remark.reason;
  out["backup"] = backend.backup;
  out["failures_in_row"] = endpoint.failures_in_row();
  out["weight"] = backend.weight;
  out["connections_max"] = backend.connections_max;
  out["in_flight"] = totals.in_flight;
  out["attempts"] = totals.attempts;
  out["results"] = by_name<telemetry::AttemptResult>(totals.results);
  out["by_class"] = by_class(totals.answers);
  out["pool"] = json::object{{"reused", totals.connections_reused}, {"opened", totals.connections_opened}};
  out["bytes"] = json::object{{"request", totals.request_body_bytes}, {"response", totals.response_body_bytes}};
  out["latency_ms"] = json::object{{"connect", latency_json(totals.connect)},
                                   {"first_byte", latency_json(totals.first_byte)},
                                   {"total", latency_json(totals.total)}};
  out["checks"] = checks_json(endpoint.checks());
  out["next_check"] = time_json(backend.next_check);
  return out;
}

// Of Unix time in seconds; null: 0.
json::value moment_json(std::int64_t seconds) {
  if (seconds == 0) return nullptr;
  return json::value(base::rfc3339(std::chrono::system_clock::from_time_t(static_cast<std::time_t>(seconds))));
}

json::object server_json(const Snapshot& snapshot) {
  const telemetry::ClientTotals& clients = snapshot.clients;
  json::object out;
  out["version"] = LB_VERSION;
  out["pid"] = snapshot.pid;
  out["started"] = base::rfc3339(snapshot.started);
  out["uptime_seconds"] = static_cast<double>(snapshot.uptime.count()) / 1000;
  out["workers"] = snapshot.workers;
  out["transport"] = snapshot.transport;
  out["listening"] = snapshot.listening;
  out["state"] = snapshot.stopping ? "stopping" : "serving";
  out["reload"] = reloads_json(snapshot);
  out["clients"] = json::object{{"connections", snapshot.connections},
                                {"connections_max", snapshot.connections_max},
                                {"accepted", clients.connections},
                                {"turned_away", clients.connections_turned_away},
                                {"proxy_headers_refused", clients.proxy_headers_refused},
                                {"tls_handshakes", clients.tls_handshakes},
                                {"tls_resumptions", clients.tls_resumptions},
                                {"tls_handshakes_failed", clients.tls_handshakes_failed}};
  json::array certificates;
  for (const CertificateSnapshot& one : snapshot.certificates) {
    certificates.push_back(
        json::object{{"certificate", one.path}, {"name", one.name}, {"expires", moment_json(one.not_after)}});
  }
  out["certificates"] = std::move(certificates);
  json::array automatic;
  for (const AutomaticSnapshot& one : snapshot.automatic) {
    automatic.push_back(json::object{{"domain", one.domain},
                                     {"state", one.state},
                                     {"problem", one.problem},
                                     {"expires", moment_json(one.not_after)},
                                     {"next_try", moment_json(one.next_try)}});
  }
  out["acme"] = std::move(automatic);
  out["requests"] = json::object{{"total", clients.requests},
                                 {"by_class", by_class(clients.answers)},
                                 {"refused", by_name<telemetry::Refusal>(clients.refused, 1)},
                                 {"endings", by_name<telemetry::Ending>(clients.endings)}};
  out["retries"] = json::object{{"by_reason", by_name<telemetry::AttemptResult>(clients.retries)},
                                {"denied", clients.retries_denied}};
  out["latency_ms"] = latency_json(clients.total);
  return out;
}

json::object status_json(const Snapshot& snapshot) {
  json::object out = server_json(snapshot);
  json::array backends;
  backends.reserve(snapshot.backends.size());
  for (const BackendSnapshot& backend : snapshot.backends) backends.push_back(backend_json(backend));
  out["backends"] = std::move(backends);
  return out;
}

std::unique_ptr<Pieces> backends_pieces(const json::object& object, std::shared_ptr<const Snapshot> snapshot) {
  return std::make_unique<BackendsPieces>(object, std::move(snapshot));
}

}  // namespace lb::admin
