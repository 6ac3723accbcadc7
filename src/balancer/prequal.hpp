// The policy "prequal".
#pragma once

#include "balancer/drawing_policy.hpp"

namespace lb::balancer {

// B. Wydrowski et al., "Load is not what you should balance: Introducing Prequal", NSDI 2024: of a few endpoints those
// with more requests in flight than most are hot; of the others the one with the lowest latency at its present load is
// taken. What Prequal asks by probes is known here already, for every exchange says how long it took and at which load;
// so the few are drawn anew for each request. A backend that reports on itself (see http/load_report.hpp) is believed
// instead.
class Prequal final : public DrawingPolicy {
 public:
  using DrawingPolicy::DrawingPolicy;
  [[nodiscard]] std::optional<std::uint32_t> pick(const Query& query) noexcept override;
  [[nodiscard]] bool is_load_aware() const noexcept override { return true; }

 private:
  struct Known {
    std::uint32_t endpoint = 0;
    bool idles = false;
    bool fails = false;
    double pressure = 0;
    double latency = 0;  // microseconds
  };

  [[nodiscard]] Known known_of(std::uint32_t endpoint, base::TimePoint now) const noexcept;
  [[nodiscard]] std::uint32_t best_of(std::span<const Known> drawn) const noexcept;

  // Four of which are cold: near the paper's quantile of 0.84.
  static constexpr std::size_t kDrawn = 5;
};

}  // namespace lb::balancer
