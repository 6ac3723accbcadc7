// The policy "least-requests".
#pragma once

#include "balancer/drawing_policy.hpp"

namespace lb::balancer {

// The endpoint with the fewest requests at once, by its weight; of those that idle one by chance, by weight. One that
// fails goes behind those that do not, so that a server that fails fast, and therefore never has many, attracts
// nothing.
//
// Looks at all of a tier while they are kLooked at most, at as many that are drawn otherwise: with d choices the
// fullest of n is ln ln n / ln d above the average (Y. Azar et al., "Balanced Allocations", 1994), which for 6 of 1,000
// is less than one request.
class LeastRequests final : public DrawingPolicy {
 public:
  using DrawingPolicy::DrawingPolicy;
  [[nodiscard]] std::optional<std::uint32_t> pick(const Query& query) noexcept override;
  [[nodiscard]] bool is_load_aware() const noexcept override { return true; }

 private:
  static constexpr std::uint32_t kLooked = 6;
};

}  // namespace lb::balancer
