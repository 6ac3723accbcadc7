#include "app/from_config.hpp"

#include "config/status_ranges.hpp"

namespace lb::app {

proxy::Settings make_proxy_settings(const config::Config& config) {
  const config::Timeouts& from = config.server.timeouts;
  proxy::Settings settings;
  settings.http.timeouts = {.header = from.header,
                            .body_idle = from.body_idle,
                            .write_idle = from.write_idle,
                            .keep_alive_idle = from.keep_alive_idle,
                            .response_idle = from.response_idle};
  settings.connect_timeout = from.connect;
  settings.first_response_byte_timeout = from.first_response_byte;
  settings.tunnel_idle_timeout = from.tunnel_idle;
  settings.http.header_bytes = config.server.limits.header_bytes;
  settings.http.header_count = config.server.limits.header_count;
  settings.http.body_bytes = config.server.limits.body_bytes;
  settings.queue_max = config.server.limits.queue;
  settings.queue_timeout = from.queue;
  settings.trusted_proxies = make_networks(config.server.trusted_proxies);
  const std::string& ids = config.server.request_ids;
  settings.request_ids = ids == "off"    ? proxy::RequestIds::off
                         : ids == "both" ? proxy::RequestIds::both
                                         : proxy::RequestIds::backend;
  return settings;
}

balancer::PolicyKind make_policy(const config::Config& config) noexcept {
  return balancer::policy_named(config.balance.policy).value_or(balancer::PolicyKind::round_robin);
}

proxy::ProxyHeader make_proxy_header(const config::Config& config) noexcept {
  return config.proxy_protocol == "v1"   ? proxy::ProxyHeader::v1
         : config.proxy_protocol == "v2" ? proxy::ProxyHeader::v2
                                         : proxy::ProxyHeader::off;
}

proxy::ServiceSettings make_service_settings(const config::Config& config) {
  return {.pool = {config.pool.idle_connections, config.pool.idle_timeout},
          .attempts = config.retry.attempts,
          .replay_bytes = config.retry.body_bytes,
          .retry_budget_percent = config.retry.budget_percent,
          .hash_on = make_policy(config) == balancer::PolicyKind::consistent_hash
                         ? std::optional(proxy::parse_hash_on(config.balance.hash_on))
                         : std::nullopt,
          .proxy_header = make_proxy_header(config),
          .stall = config.balance.stall};
}

upstream::OutlierSettings make_outlier_settings(const config::Outliers& outliers) noexcept {
  return {.failure_percent = outliers.failure_percent,
          .latency_percent = outliers.latency_percent,
          .window = outliers.window,
          .requests = outliers.requests,
          .ejected_percent = outliers.ejected_percent,
          .ejection = outliers.ejection};
}

std::vector<upstream::BackendSpec> make_backend_specs(const config::Config& config) {
  std::vector<upstream::BackendSpec> specs;
  specs.reserve(config.backends.size());
  for (const config::Backend& backend : config.backends) {
    specs.push_back({backend.url, backend.host, backend.port, backend.weight, backend.connections_max, backend.backup});
  }
  return specs;
}

upstream::Thresholds make_thresholds(const config::Health& health) noexcept {
  return {.failures = health.failures, .rise = health.rise, .fall = health.fall};
}

upstream::ResolverSettings make_resolver_settings(const config::Config& config) {
  return {.servers = config.resolver.servers, .timeout = config.resolver.timeout, .attempts = config.resolver.attempts};
}

upstream::HealthSettings make_health_settings(const config::Health& health) {
  return {.interval = health.interval,
          .down_interval = health.down_interval,
          .timeout = health.timeout,
          .jitter_percent = health.jitter_percent,
          .http = make_http_check(health)};
}

std::string certified_name(const config::Config& config, const config::Backend& backend) {
  return config.backend_tls.server_name.empty() ? backend.host : config.backend_tls.server_name;
}

std::shared_ptr<const net::NetworkSet> make_networks(const std::vector<std::string>& texts) {
  std::vector<net::Network> networks;
  for (const std::string& text : texts) {
    if (const auto parsed = net::parse_network(text); parsed.network) networks.push_back(*parsed.network);
  }
  return networks.empty() ? nullptr : std::make_shared<const net::NetworkSet>(networks);
}

std::shared_ptr<const upstream::HttpCheck> make_http_check(const config::Health& health) {
  if (health.check != "http") return nullptr;
  auto check = std::make_shared<upstream::HttpCheck>();
  check->method = health.method;
  check->path = health.path;
  check->host = health.host;
  check->body = health.body;
  check->statuses.clear();
  const auto ranges = config::parse_status_ranges(health.status);
  for (const auto& [first, last] : *ranges) check->statuses.push_back({first, last});
  return check;
}

}  // namespace lb::app
