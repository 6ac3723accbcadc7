// What policies share that draw a few candidates and compare them.
#pragma once

#include <algorithm>
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
  // One by chance, by its weight as far as its share is not reduced; none of `but`. `fill_up`: where nobody else is
  // left, there is no share to be had less of.
  enum class Thinned : std::uint8_t { fill_up, leave_out };
  [[nodiscard]] std::optional<std::uint32_t> draw(const Query& query, std::span<const std::uint32_t> but = {},
                                                  Thinned thinned = Thinned::fill_up) const noexcept;
  // The same without asking whether it is eligible, which most are: policies ask that of the one they settle for. None:
  // it was not found in a few draws, and draw() is the way.
  [[nodiscard]] std::optional<std::uint32_t> glance(const Query& query,
                                                    std::span<const std::uint32_t> but = {}) const noexcept {
    constexpr int kDrawsMax = 8;
    for (int i = 0; i < kDrawsMax; ++i) {
      const std::uint32_t drawn = candidates_.draw_any(query.random);
      if (!candidates_.has(query.tier, drawn) || std::ranges::find(but, drawn) != but.end()) continue;
      Load& its = load(drawn);
      if (!its.is_reduced() || query.random.share() < its.share(query.now)) return drawn;
    }
    return std::nullopt;
  }
  // Two, by chance, by weight; the first alone, if there is no other.
  struct Two {
    std::uint32_t first = 0;
    std::optional<std::uint32_t> second{};
  };
  // What better(two, now) chooses of them: at a glance, if that one is eligible.
  template <class Better>
  [[nodiscard]] std::optional<std::uint32_t> pick_of_two(const Query& query, Better better) const noexcept {
    if (const auto two = glance_at_two(query)) {
      const std::uint32_t one = better(*two, query.now);
      if (query.eligible(one)) return one;
    }
    const auto two = draw_two(query);
    return two ? std::optional(better(*two, query.now)) : std::nullopt;
  }
  [[nodiscard]] const Candidates& candidates() const noexcept { return candidates_; }
  [[nodiscard]] Load& load(std::uint32_t endpoint) const noexcept { return *loads_[endpoint]; }
  // Exchanges at once with one more, by what the endpoint is to bear: as if its weight were the average, and its share
  // whole.
  [[nodiscard]] double pressure(std::uint32_t endpoint, base::TimePoint now) const noexcept {
    return pressure_of(endpoint, load(endpoint).in_flight() + 1.0, now);
  }
  [[nodiscard]] double pressure_of(std::uint32_t endpoint, double in_flight, base::TimePoint now) const noexcept {
    Load& its = load(endpoint);
    const double pressure = in_flight * relief_[endpoint];
    return its.is_reduced() ? pressure / its.share(now) : pressure;
  }
  // Whether it fails so much more often than it may that one which does not goes before it, however slow or busy that
  // is.
  [[nodiscard]] bool fails(std::uint32_t endpoint, base::TimePoint now) const noexcept {
    return load(endpoint).failure_share(now) > kFailuresUsual;
  }
  // Whether two latencies, in microseconds, are no reason to prefer one: what differs by less is noise, and of what is
  // 0 nothing is known. Then weights decide.
  [[nodiscard]] static bool are_alike(double one, double other) noexcept {
    const double less = std::min(one, other);
    return less == 0 || std::max(one, other) <= kAlikeFactor * less + kAlikeMicros;
  }

 private:
  [[nodiscard]] std::optional<Two> glance_at_two(const Query& query) const noexcept;
  [[nodiscard]] std::optional<Two> draw_two(const Query& query) const noexcept;

  static constexpr double kFailuresUsual = 0.1;
  static constexpr double kAlikeFactor = 2;
  static constexpr double kAlikeMicros = 2'000;

  Candidates candidates_;
  std::vector<Load*> loads_;
  std::vector<double> relief_;  // the average weight over its own
};

}  // namespace lb::balancer
