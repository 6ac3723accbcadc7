#include "balancer/drawing_policy.hpp"

namespace lb::balancer {

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

std::optional<std::uint32_t> DrawingPolicy::draw(const Query& query, std::span<const std::uint32_t> but,
                                                 Thinned thinned) const noexcept {
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
  if (drawn || !passed || thinned == Thinned::leave_out) return drawn;
  return candidates_.draw(query.tier, is_another, query.random);
}

std::optional<DrawingPolicy::Two> DrawingPolicy::glance_at_two(const Query& query) const noexcept {
  const auto first = glance(query);
  if (!first) return std::nullopt;
  auto second = glance(query, {&*first, 1});
  if (!second) second = draw(query, {&*first, 1}, Thinned::leave_out);
  return Two{*first, second};
}

std::optional<DrawingPolicy::Two> DrawingPolicy::draw_two(const Query& query) const noexcept {
  const auto first = draw(query);
  if (!first) return std::nullopt;
  return Two{*first, draw(query, {&*first, 1}, Thinned::leave_out)};
}

}  // namespace lb::balancer
