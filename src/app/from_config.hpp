// From the configuration, which users write, to the settings of the layers that do the work.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "config/config.hpp"
#include "net/networks.hpp"
#include "proxy/plan.hpp"
#include "upstream/health_monitor.hpp"
#include "upstream/outlier_detector.hpp"
#include "upstream/resolver.hpp"

namespace lb::app {

// The configuration was checked.
[[nodiscard]] proxy::Settings make_proxy_settings(const config::Config& config);
[[nodiscard]] balancer::PolicyKind make_policy(const config::Config& config) noexcept;
[[nodiscard]] upstream::OutlierSettings make_outlier_settings(const config::Outliers& outliers) noexcept;
[[nodiscard]] proxy::ProxyHeader make_proxy_header(const config::Config& config) noexcept;
[[nodiscard]] proxy::ServiceSettings make_service_settings(const config::Config& config);
[[nodiscard]] std::vector<upstream::BackendSpec> make_backend_specs(const config::Config& config);
[[nodiscard]] upstream::Thresholds make_thresholds(const config::Health& health) noexcept;
[[nodiscard]] upstream::ResolverSettings make_resolver_settings(const config::Config& config);
[[nodiscard]] upstream::HealthSettings make_health_settings(const config::Health& health);
// What the certificate of an https backend has to be for.
[[nodiscard]] std::string certified_name(const config::Config& config, const config::Backend& backend);
// Addresses and networks; null: none.
[[nodiscard]] std::shared_ptr<const net::NetworkSet> make_networks(const std::vector<std::string>& texts);
// Null for checks by TCP alone.
[[nodiscard]] std::shared_ptr<const upstream::HttpCheck> make_http_check(const config::Health& health);

}  // namespace lb::app
