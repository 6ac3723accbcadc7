// Weighted round robin: strict order, shared by all workers without a lock.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace lb::balancer {

// The order in which endpoints are picked, as indices: each endpoint as often as its weight says (divided by the common
// divisor), spread evenly by nginx' smooth weighted round robin. Equal weights give 0, 1, 2, ...
// Weights are at least 1; there is at least one.
[[nodiscard]] std::vector<std::uint32_t> make_schedule(std::span<const unsigned> weights);

// Any thread.
class RoundRobin {
 public:
  // `next`: the endpoint that is picked first.
  explicit RoundRobin(std::span<const unsigned> weights, std::uint32_t next = 0);

  // The next endpoint, in order, for which eligible(index) holds; none if it holds for no endpoint. The one behind it
  // is next, so that those that are not eligible leave no gap and give their neighbour no second turn. eligible() must
  // be cheap and may change its mind between calls.
  template <class Eligible>
  [[nodiscard]] std::optional<std::uint32_t> pick(Eligible eligible) noexcept {
    std::uint32_t position = position_.load(std::memory_order_relaxed);
    for (;;) {
      std::uint32_t slot = position;
      std::size_t looked_at = 0;
      while (looked_at < schedule_.size() && !eligible(schedule_[slot])) {
        slot = following(slot);
        ++looked_at;
      }
      if (looked_at == schedule_.size()) return std::nullopt;
      // Another worker that picked meanwhile moves this one on: no two get the same turn. One of them always succeeds.
      if (position_.compare_exchange_weak(position, following(slot), std::memory_order_relaxed)) return schedule_[slot];
    }
  }

  // The endpoint whose turn it is.
  [[nodiscard]] std::uint32_t next() const noexcept { return schedule_[position_.load(std::memory_order_relaxed)]; }

 private:
  [[nodiscard]] std::uint32_t following(std::uint32_t slot) const noexcept {
    return slot + 1 == schedule_.size() ? 0 : slot + 1;
  }

  std::vector<std::uint32_t> schedule_;
  // On a cache line of its own: every worker writes it with every request.
  alignas(64) std::atomic<std::uint32_t> position_{0};
};

}  // namespace lb::balancer
