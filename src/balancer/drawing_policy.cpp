#include "balancer/drawing_policy.hpp"

#include <algorithm>

namespace lb::balancer {
namespace {

// Failures below this share are everyday, and do not count.
constexpr double kFailuresUsual = 0.1;
constexpr double kFailedPressure = 100;
constexpr double kFailedMicros = 10e6;

constexpr double kAlikeFactor = 2;
constexpr double kAlikeMicros = 2'000;

double badness(double failure_share) noexcept {
  const double beyond = std::max(failure_share - kFailuresUsual, 0.0);
  return beyond * beyond;
}

}  // namespace

DrawingPolicy::DrawingPolicy(const std::vector<Candidate>& candidates) : candidates_(weights_of(candidates)) {
  double sum = 0;
  for (const Candidate& one : candidates) sum += one.weight;
  for (const Candidate& one : candidates) {
    loads_.push_back(one.load);
    relief_.push_back(sum / static_cast<double>(candidates.size()) / one.weight);
  }
}

void DrawingPolicy::visit(std::uint32_t position, Visit visit) const noexcept {
  for (std::uint32_t i = 0; i < candidates_.size(); ++i) {
    if (!visit((position + i) % candidates_.size())) return;
  }
}

std::optional<std::uint32_t> DrawingPolicy::draw(const Query& query,
                                                 std::span<const std::uint32_t> but) const noexcept {
  const auto is_another = [&](std::uint32_t endpoint) {
    return std::ranges::find(but, endpoint) == but.end() && query.eligible(endpoint);
  };
  bool passed = false;
  const auto takes_part = [&](std::uint32_t endpoint) {
    if (!is_another(endpoint)) return false;
    Load& its = load(endpoint);
    if (!its.is_reduced() || query.random.share() < its.share(query.now)) return true;
    passed = true;
    return false;
  };
  const auto drawn = candidates_.draw(query.tier, takes_part, query.random);
  // Where nobody else is left, there is no share to be had less of.
  return drawn || !passed ? drawn : candidates_.draw(query.tier, is_another, query.random);
}

bool DrawingPolicy::glance_at_two(const Query& query, std::array<std::uint32_t, 2>& two) const noexcept {
  const auto first = glance(query);
  if (!first) return false;
  auto second = glance(query, {&*first, 1});
  if (!second) second = draw(query, {&*first, 1});
  if (!second) return false;
  two = {*first, *second};
  return true;
}

double DrawingPolicy::failure_pressure(std::uint32_t endpoint, base::TimePoint now) const noexcept {
  return kFailedPressure * badness(load(endpoint).failure_share(now));
}

double DrawingPolicy::failure_latency(std::uint32_t endpoint, base::TimePoint now) const noexcept {
  return kFailedMicros * badness(load(endpoint).failure_share(now));
}

bool DrawingPolicy::are_alike(double one, double other) noexcept {
  return std::max(one, other) <= kAlikeFactor * std::min(one, other) + kAlikeMicros;
}

}  // namespace lb::balancer
