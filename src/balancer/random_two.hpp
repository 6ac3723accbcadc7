// The policy "random-two".
#pragma once

#include "balancer/drawing_policy.hpp"

namespace lb::balancer {

// Of two that are drawn by weight the one with fewer requests at once (M. Mitzenmacher, "The Power of Two Choices in
// Randomized Load Balancing", 2001). Looks at nothing else.
class RandomTwo final : public DrawingPolicy {
 public:
  using DrawingPolicy::DrawingPolicy;
  [[nodiscard]] std::optional<std::uint32_t> pick(const Query& query) noexcept override;
  [[nodiscard]] bool may_starve() const noexcept override { return true; }  // a light one, by chance

 private:
  [[nodiscard]] std::uint32_t better(const Two& two, base::TimePoint now) const noexcept;
};

}  // namespace lb::balancer
