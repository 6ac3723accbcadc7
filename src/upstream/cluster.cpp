#include "upstream/cluster.hpp"

#include <algorithm>
#include <utility>

#include "base/log.hpp"

namespace lb::upstream {
namespace {

std::vector<unsigned> weights_of(const std::vector<BackendSpec>& backends) {
  std::vector<unsigned> weights;
  weights.reserve(backends.size());
  for (const BackendSpec& backend : backends) weights.push_back(backend.weight);
  return weights;
}

std::string host_line_of(const BackendSpec& backend) {
  const bool v6 = backend.host.find(':') != std::string::npos;
  std::string line = "Host: " + (v6 ? "[" + backend.host + "]" : backend.host);
  if (backend.port != 80) line += ":" + std::to_string(backend.port);
  return line + "\r\n";
}

void log_change(const Endpoint& endpoint, Change change, const std::string& reason) {
  if (change == Change::came_up) base::log(base::LogLevel::info, endpoint.url() + " [up]");
  if (change == Change::went_down) base::log(base::LogLevel::warning, endpoint.url() + " [down] (" + reason + ")");
}

}  // namespace

Cluster::Cluster(std::vector<BackendSpec> backends, std::uint32_t failures_max)
    : backends_(std::move(backends)), order_(weights_of(backends_)), failures_max_(failures_max) {
  for (const BackendSpec& backend : backends_) {
    endpoints_.push_back(std::make_unique<Endpoint>(backend.url, host_line_of(backend)));
  }
}

std::optional<Pick> Cluster::pick(const Tried& tried) noexcept {
  const auto untried = [&](std::uint32_t index) { return std::ranges::find(tried, index) == tried.end(); };
  const auto up = order_.pick([&](std::uint32_t index) { return endpoints_[index]->is_up() && untried(index); });
  if (up) return Pick{*up, endpoints_[*up].get(), false};
  if (any_up()) return std::nullopt;
  const auto down = order_.pick(untried);
  if (down) return Pick{*down, endpoints_[*down].get(), true};
  return std::nullopt;
}

bool Cluster::any_up() const noexcept {
  return std::ranges::any_of(endpoints_, [](const auto& endpoint) { return endpoint->is_up(); });
}

void Cluster::record_failure(Endpoint& endpoint) {
  log_change(endpoint, endpoint.record_failure(failures_max_), std::to_string(failures_max_) + " retries failed");
}

void Cluster::record_recovery(Endpoint& endpoint) {
  log_change(endpoint, endpoint.mark(HealthState::up), "");
}

void Cluster::record_check(Endpoint& endpoint, bool passed) {
  log_change(endpoint, endpoint.mark(passed ? HealthState::up : HealthState::down), "health check failed");
}

}  // namespace lb::upstream
