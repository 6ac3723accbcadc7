// GET /metrics: the text format 0.0.4 of Prometheus.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "admin/control.hpp"
#include "admin/message.hpp"

namespace lb::admin {

inline constexpr std::string_view kMetricsType = "text/plain; version=0.0.4; charset=utf-8";

// All names begin with "load_balancer_"; units are seconds and bytes.
[[nodiscard]] std::unique_ptr<Pieces> metrics_pieces(std::shared_ptr<const Snapshot> snapshot);

}  // namespace lb::admin
