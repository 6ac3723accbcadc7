// What policies share that draw a few candidates and compare them.
#pragma once

#include <array>
#include <span>
#include <vector>

#include "balancer/candidates.hpp"
#include "balancer/policy.hpp"

namespace lb::balancer {

// Workers share the endpoints' loads alone, each a few atomics: what one has chosen the others see with the next pick.
class DrawingPolicy : public Policy {
 public:
  explicit DrawingPolicy(const std::vector<Candidate>& candidates);

  void move(std::uint32_t endpoint, Tier from, Tier to) noexcept override { candidates_.move(endpoint, from, to); }
  void visit(std::uint32_t position, Visit visit) const noexcept override;

 protected:
  // One by chance, by its weight as far as its share is not reduced; none of `but`.
  [[nodiscard]] std::optional<std::uint32_t> draw(const Query& query,
                                                  std::span<const std::uint32_t> but = {}) const noexcept;
  // Whether one of the tier has its whole share: then a policy may compare it before it asks whether it is eligible,
  // which most are. Where that fails, draw() is the way.
  [[nodiscard]] bool is_usual(const Query& query, std::uint32_t endpoint) const noexcept {
    return candidates_.has(query.tier, endpoint) && !load(endpoint).is_reduced();
  }
  // Two that are usual, by chance, by weight; false: there were no two at hand.
  [[nodiscard]] bool draw_two(const Query& query, std::array<std::uint32_t, 2>& two) const noexcept;
  [[nodiscard]] const Candidates& candidates() const noexcept { return candidates_; }
  [[nodiscard]] Load& load(std::uint32_t endpoint) const noexcept { return *loads_[endpoint]; }
  // Exchanges at once, by what the endpoint is to bear: as if its weight were the average, and its share whole.
  [[nodiscard]] double pressure(std::uint32_t endpoint, base::TimePoint now) const noexcept {
    return pressure_of(endpoint, load(endpoint).in_flight(), now);
  }
  [[nodiscard]] double pressure_of(std::uint32_t endpoint, double in_flight, base::TimePoint now) const noexcept {
    Load& its = load(endpoint);
    const double pressure = in_flight * relief_[endpoint];
    return its.is_reduced() ? pressure / its.share(now) : pressure;
  }
  // What failures of late count like, in exchanges at once: nothing while they are rare, far more than others have when
  // they are the rule.
  [[nodiscard]] double failure_pressure(std::uint32_t endpoint, base::TimePoint now) const noexcept;
  // The same, in microseconds of latency.
  [[nodiscard]] double failure_latency(std::uint32_t endpoint, base::TimePoint now) const noexcept;
  // Whether two latencies, in microseconds, are no reason to prefer one: what differs by less is noise, and then
  // weights decide.
  [[nodiscard]] static bool are_alike(double one, double other) noexcept;

 private:
  Candidates candidates_;
  std::vector<Load*> loads_;
  std::vector<double> relief_;  // the average weight over its own
};

}  // namespace lb::balancer
