// From the configuration, which users write, to the settings of the layers that do the work.
#pragma once

#include <memory>
#include <vector>

#include "config/config.hpp"
#include "proxy/plan.hpp"
#include "upstream/health_monitor.hpp"
#include "upstream/outlier_detector.hpp"
#include "upstream/resolver.hpp"

namespace lb::app {

// The configuration was checked.
[[nodiscard]] proxy::Settings make_proxy_settings(const config::Config& config);
[[nodiscard]] balancer::PolicyKind make_policy(const config::Config& config) noexcept;
[[nodiscard]] upstream::OutlierSettings make_outlier_settings(const config::Outliers& outliers) noexcept;
[[nodiscard]] proxy::ServiceSettings make_service_settings(const config::Config& config);
[[nodiscard]] std::vector<upstream::BackendSpec> make_backend_specs(const config::Config& config);
[[nodiscard]] upstream::Thresholds make_thresholds(const config::Health& health) noexcept;
[[nodiscard]] upstream::ResolverSettings make_resolver_settings(const config::Config& config);
[[nodiscard]] upstream::HealthSettings make_health_settings(const config::Health& health);
// Null for checks by TCP alone.
[[nodiscard]] std::shared_ptr<const upstream::HttpCheck> make_http_check(const config::Health& health);

}  // namespace lb::app
