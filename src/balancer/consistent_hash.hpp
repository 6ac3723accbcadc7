// The policy "consistent-hash".
#pragma once

#include <atomic>
#include <vector>

#include "balancer/drawing_policy.hpp"

namespace lb::balancer {

// The endpoint that comes next to the key on a ring (D. Karger et al., "Consistent Hashing and Random Trees", 1997), on
// which each has kPointsPerWeight points for each unit of its weight. Where the points lie follows from the identities
// alone: two machines agree, and what comes or goes moves only the keys that it gets or had.
//
// No endpoint gets more than kBound times the average in flight, by weight (V. Mirrokni et al., "Consistent Hashing
// with Bounded Loads", 2018): then the key goes to the next on the ring that is below it. One whose share is reduced
// gets that share of its keys, the same ones each time.
class ConsistentHash final : public DrawingPolicy {
 public:
  explicit ConsistentHash(const std::vector<Candidate>& candidates);
  [[nodiscard]] std::optional<std::uint32_t> pick(const Query& query) noexcept override;

 private:
  static constexpr std::size_t kPointsPerWeight = 160;
  static constexpr std::size_t kPointsMax = std::size_t{1} << 20U;
  static constexpr double kBound = 1.25;

  struct Point {
    std::uint64_t at;
    std::uint32_t endpoint;
  };

  [[nodiscard]] std::size_t behind(std::uint64_t key) const noexcept;
  [[nodiscard]] double load_per_weight(const Query& query) noexcept;
  [[nodiscard]] bool is_full(std::uint32_t endpoint, const Query& query) noexcept;

  std::vector<Point> ring_;
  std::vector<std::uint32_t> first_;  // point, by the key's upper bits: where the search begins
  unsigned shift_ = 0;
  std::atomic<std::uint32_t> picks_{0};
  std::atomic<float> average_{0};
};

}  // namespace lb::balancer
