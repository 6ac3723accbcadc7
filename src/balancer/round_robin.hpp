// Weighted round robin: strict order, shared by all workers without a lock.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "balancer/position_set.hpp"

namespace lb::balancer {

// The order in which endpoints are picked, as indices: each endpoint as often as its weight says (divided by the common
// divisor), spread evenly by nginx' smooth weighted round robin. Equal weights give 0, 1, 2, ...
// Weights are at least 1; there is at least one. Takes the length of the schedule times the number of different
// weights.
[[nodiscard]] std::vector<std::uint32_t> make_schedule(std::span<const unsigned> weights);

// Any thread.
class RoundRobin {
 public:
  // `next`: the endpoint that is picked first.
  explicit RoundRobin(std::span<const unsigned> weights, std::uint32_t next = 0);

  // Some of the endpoints, by their positions in the schedule. One that enters or leaves costs as many steps as its
  // weight says. One writer at a time; readers may be a moment behind.
  class Candidates {
   public:
    explicit Candidates(const RoundRobin& order)
        : order_(order), positions_(static_cast<std::uint32_t>(order.schedule_.size())) {}
    void insert(std::uint32_t endpoint) noexcept {
      for (const std::uint32_t position : order_.positions_of(endpoint)) positions_.insert(position);
    }
    void erase(std::uint32_t endpoint) noexcept {
      for (const std::uint32_t position : order_.positions_of(endpoint)) positions_.erase(position);
    }

   private:
    friend class RoundRobin;
    const RoundRobin& order_;
    PositionSet positions_;
  };

  // The first candidate at or behind the position for which eligible(index) holds; none if it holds for no candidate.
  // The position moves behind it, so that a candidate that is passed over gives its neighbour no second turn.
  // eligible() must be cheap and may change its mind between calls. Those that are no candidates cost nothing; of
  // candidates that are not eligible a few are stepped over, and when there are more, each is asked once.
  template <class Eligible>
  [[nodiscard]] std::optional<std::uint32_t> pick(const Candidates& candidates, Eligible eligible) noexcept {
    std::uint32_t position = position_.load(std::memory_order_relaxed);
    for (;;) {
      const std::optional<std::uint32_t> slot = find(candidates, position, eligible);
      if (!slot) return std::nullopt;
      // Another worker that picked meanwhile moves this one on: no two get the same turn. One of them always succeeds.
      if (position_.compare_exchange_weak(position, following(*slot), std::memory_order_relaxed)) {
        return schedule_[*slot];
      }
    }
  }

  // The endpoint whose turn it is.
  [[nodiscard]] std::uint32_t next() const noexcept { return schedule_[position_.load(std::memory_order_relaxed)]; }
  // From now on it is the turn of this one.
  void continue_at(std::uint32_t endpoint) noexcept {
    position_.store(positions_[first_[endpoint]], std::memory_order_relaxed);
  }
  // The position in the schedule, for for_each_from().
  [[nodiscard]] std::uint32_t position() const noexcept { return position_.load(std::memory_order_relaxed); }
  // Calls visit(index) for the endpoints in the order of their turns from a position on, candidates or not, once around
  // or until it says false.
  template <class Visit>
  void for_each_from(std::uint32_t position, Visit visit) const noexcept {
    for (std::size_t left = schedule_.size(); left > 0 && visit(schedule_[position]); --left) {
      position = following(position);
    }
  }

 private:
  static constexpr int kStepsMax = 16;

  // Candidates that are not eligible are few, or busy all at once: then the nearest turn of each is compared instead.
  template <class Eligible>
  [[nodiscard]] std::optional<std::uint32_t> find(const Candidates& candidates, std::uint32_t from,
                                                  Eligible& eligible) const noexcept {
    const PositionSet& positions = candidates.positions_;
    std::uint32_t at = from;
    bool wrapped = false;
    for (int steps = 0; steps < kStepsMax; ++steps) {
      std::optional<std::uint32_t> slot = positions.next(at);
      if (!slot && !wrapped) {
        wrapped = true;
        slot = positions.next(0);
      }
      if (!slot || (wrapped && *slot >= from)) return std::nullopt;
      if (eligible(schedule_[*slot])) return slot;
      at = *slot + 1;
    }
    std::optional<std::uint32_t> nearest;
    for (std::uint32_t endpoint = 0; endpoint + 1 < first_.size(); ++endpoint) {
      const std::uint32_t slot = turn_of(endpoint, from);
      const bool nearer = !nearest || distance(from, slot) < distance(from, *nearest);
      if (nearer && positions.contains(slot) && eligible(endpoint)) nearest = slot;
    }
    return nearest;
  }

  [[nodiscard]] std::uint32_t following(std::uint32_t slot) const noexcept {
    return slot + 1 == schedule_.size() ? 0 : slot + 1;
  }
  [[nodiscard]] std::size_t distance(std::uint32_t from, std::uint32_t to) const noexcept {
    return to >= from ? to - from : to + schedule_.size() - from;
  }
  [[nodiscard]] std::span<const std::uint32_t> positions_of(std::uint32_t endpoint) const noexcept {
    return std::span(positions_).subspan(first_[endpoint], first_[endpoint + 1] - first_[endpoint]);
  }
  // The endpoint's next position at or behind `from`, going round.
  [[nodiscard]] std::uint32_t turn_of(std::uint32_t endpoint, std::uint32_t from) const noexcept;

  std::vector<std::uint32_t> schedule_;
  std::vector<std::uint32_t> positions_;  // of each endpoint in turn, ascending
  std::vector<std::uint32_t> first_;      // of those, by endpoint; and behind the last
  // On a cache line of its own: every worker writes it with every request.
  alignas(64) std::atomic<std::uint32_t> position_{0};
};

}  // namespace lb::balancer
