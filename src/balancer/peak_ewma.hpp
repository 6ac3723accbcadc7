// The policy "peak-ewma".
#pragma once

#include "balancer/drawing_policy.hpp"

namespace lb::balancer {

// Of two that are drawn by weight the one whose latency of late (Load::peak) times the requests that would wait there
// is less, as in Finagle's and Linkerd's balancers; latencies that are alike count as equal. One that fails goes
// behind one that does not. What is known fades, so that an endpoint that was slow is asked again.
class PeakEwma final : public DrawingPolicy {
 public:
  using DrawingPolicy::DrawingPolicy;
  [[nodiscard]] std::optional<std::uint32_t> pick(const Query& query) noexcept override;
  [[nodiscard]] bool is_load_aware() const noexcept override { return true; }

 private:
  [[nodiscard]] std::uint32_t better(const Two& two, base::TimePoint now) const noexcept;
};

}  // namespace lb::balancer
