// The endpoints of a service by tier and weight, from which policies draw.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "balancer/policy.hpp"
#include "balancer/position_set.hpp"
#include "base/random.hpp"

namespace lb::balancer {

[[nodiscard]] std::vector<unsigned> weights_of(const std::vector<Candidate>& candidates);

// Draws in a few steps however many there are. Any thread, but for move(); see Policy.
class Candidates {
 public:
  // The weights are at least 1; there is one.
  explicit Candidates(std::vector<unsigned> weights);

  void move(std::uint32_t endpoint, Tier from, Tier to) noexcept;
  [[nodiscard]] std::uint32_t size() const noexcept { return static_cast<std::uint32_t>(weights_.size()); }
  [[nodiscard]] unsigned weight(std::uint32_t endpoint) const noexcept { return weights_[endpoint]; }
  [[nodiscard]] bool has(Tier tier, std::uint32_t endpoint) const noexcept { return set_of(tier).contains(endpoint); }

  // One of the tier that is eligible, by chance, as often as its weight says. Where only a few of very many are
  // eligible, it is drawn among kSampled that lie next to each other. None: there is none.
  [[nodiscard]] std::optional<std::uint32_t> draw(Tier tier, Eligible eligible, base::Random& random) const noexcept;
  // Whichever a single draw by weight hits, candidate or not.
  [[nodiscard]] std::uint32_t draw_any(base::Random& random) const noexcept {
    const std::uint32_t place = below(random, size());
    if (aliases_.empty()) return place;
    const Alias& alias = aliases_[place];
    return static_cast<std::uint32_t>(random.next() >> 32U) < alias.threshold ? place : alias.other;
  }
  // Calls visit(endpoint) for those of the tier, from `from` on, once around or until it says false.
  void visit(Tier tier, std::uint32_t from, Eligible visit) const noexcept;

 private:
  static constexpr int kDrawsMax = 8;
  static constexpr int kSampled = 64;

  [[nodiscard]] const PositionSet& set_of(Tier tier) const noexcept { return sets_[static_cast<std::size_t>(tier)]; }
  // As Random::below(), without its division: these are few, and this is called for every request.
  [[nodiscard]] static std::uint32_t below(base::Random& random, std::uint32_t bound) noexcept {
    return static_cast<std::uint32_t>((random.next() >> 32U) * bound >> 32U);
  }
  [[nodiscard]] std::optional<std::uint32_t> sample(Tier tier, Eligible eligible, base::Random& random) const noexcept;

  // Two things to choose between: Walker's alias method, as M. Vose has it (1991), draws by weight in one step.
  struct Alias {
    std::uint32_t threshold = UINT32_MAX;  // below it the place itself is drawn
    std::uint32_t other = 0;
  };

  std::vector<unsigned> weights_;
  std::vector<Alias> aliases_;     // empty where all weights are equal
  std::vector<PositionSet> sets_;  // by tier; those of `none` are all
};

}  // namespace lb::balancer
