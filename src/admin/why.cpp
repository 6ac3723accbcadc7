#include "admin/why.hpp"

#include <algorithm>
#include <charconv>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include <boost/json/array.hpp>

#include "admin/json_text.hpp"
#include "admin/request_json.hpp"
#include "base/date_text.hpp"
#include "base/limits.hpp"
#include "telemetry/explanation.hpp"

namespace lb::admin {
namespace {

struct Found {
  std::size_t worker = 0;
  std::optional<telemetry::RecentRequest> request;
};

bool was_met(const telemetry::RequestRecord& record, std::string_view backend) {
  const auto is_it = [backend](const auto& one) { return one.backend == backend; };
  return std::any_of(record.attempts.begin(), record.attempts.end(), is_it) ||
         std::any_of(record.passed.begin(), record.passed.end(), is_it);
}

// Why the endpoint would not have got a request that began then, as far as its present state, with the time of its last
// change, tells.
std::optional<telemetry::PassedOver> out_since(const upstream::Endpoint& endpoint, base::WallTime then) {
  if (endpoint.last_order().at <= then) {
    if (endpoint.is_disabled()) return telemetry::PassedOver::disabled;
    if (!endpoint.is_active()) return telemetry::PassedOver::drained;
  }
  if (!endpoint.is_up() && endpoint.last_change().at <= then) return telemetry::PassedOver::down;
  if (endpoint.suspension() != upstream::Suspension::none && endpoint.remark().at <= then) {
    return endpoint.suspension() == upstream::Suspension::stalled ? telemetry::PassedOver::stalled
                                                                  : telemetry::PassedOver::ejected;
  }
  return std::nullopt;
}

// The backends of now that the request did not come to.
struct Others {
  boost::json::array all;
  std::vector<telemetry::Passed> out;  // those that no request came to
};

Others others_of(const telemetry::RecentRequest& request, const Snapshot& snapshot) {
  Others others;
  const base::WallTime began = began_at(request);
  for (const BackendSnapshot& backend : snapshot.backends) {
    const upstream::Endpoint& endpoint = *backend.endpoint;
    if (was_met(request.record(), endpoint.url())) continue;
    const auto out = out_since(endpoint, began);
    if (out) others.out.push_back({.backend = endpoint.url(), .why = *out});
    const upstream::HealthChange change = endpoint.last_change();
    boost::json::object other;
    other["backend"] = endpoint.url();
    other["why"] = out ? to_string(*out) : "not_its_turn";
    other["state"] = to_string(endpoint.state());
    other["administration"] = to_string(endpoint.administration());
    other["reason"] = change.reason;
    if (const std::string remark = endpoint.remark().reason; endpoint.is_up() && !remark.empty()) {
      other["reason"] = remark;
    }
    if (change.count > 0) other["since"] = base::rfc3339(change.at);
    others.all.push_back(std::move(other));
  }
  return others;
}

}  // namespace

std::string percent_decoded(std::string_view text) {
  std::string decoded;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const std::string_view digits = text.substr(at + 1, 2);
    unsigned byte = 0;
    const bool coded = text[at] == '%' && digits.size() == 2 &&
                       std::from_chars(digits.data(), digits.data() + 2, byte, 16).ptr == digits.data() + 2;
    decoded.push_back(coded ? static_cast<char>(byte) : text[at]);
    if (coded) at += 2;
  }
  return decoded;
}

net::Awaitable<Answer> why(Control& control, const Request& request) {
  const std::string id = percent_decoded(request.rest);
  // Named, for GCC 12 destroys temporary arguments of an awaited call twice.
  const std::function<Found(const telemetry::Recorder&)> ask = [id](const telemetry::Recorder& recorder) {
    const telemetry::RecentRequest* const found = recorder.recent().find(id);
    return Found{recorder.worker(), found == nullptr ? std::nullopt : std::optional(*found)};
  };
  const std::vector<Found> all = co_await ask_workers(control, ask);
  const Found* newest = nullptr;
  for (const Found& one : all) {
    if (one.request && (newest == nullptr || one.request->ended() > newest->request->ended())) newest = &one;
  }
  if (newest == nullptr) {
    co_return refusal(404, "no request with this id is remembered: each worker keeps the last " +
                               std::to_string(base::kRecentRequestsMax) + ", and the last " +
                               std::to_string(base::kRecentNotableMax) + " that failed or were repeated");
  }
  boost::json::object object = request_json(*newest->request, newest->worker);
  Others others = others_of(*newest->request, control.snapshot());
  if (!others.all.empty()) object["others"] = std::move(others.all);
  object["explanation"] = telemetry::explain(newest->request->record(), others.out);
  co_return Answer{.content_type = kJson, .body = json_text(object) + "\n"};
}

}  // namespace lb::admin
