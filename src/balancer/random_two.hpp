// The policy "random-two".
#pragma once

#include "balancer/drawing_policy.hpp"

namespace lb::balancer {

// Of two that are drawn by weight the one with fewer requests at once (M. Mitzenmacher, "The Power of Two Choices in
// Randomized Load Balancing", 2001). Looks at nothing else, and starves nobody.
class RandomTwo final : public DrawingPolicy {
 public:
  using DrawingPolicy::DrawingPolicy;
  [[nodiscard]] std::optional<std::uint32_t> pick(const Query& query) noexcept override;
};

}  // namespace lb::balancer
