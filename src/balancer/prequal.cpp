#include "balancer/prequal.hpp"

#include <algorithm>
#include <array>
#include <span>

namespace lb::balancer {

Prequal::Known Prequal::known_of(std::uint32_t endpoint, base::TimePoint now) const noexcept {
  Load& its = load(endpoint);
  Report report;
  const bool reported = its.reported(now, report);
  // What it has from here by now, with what it had from elsewhere when it last spoke.
  const double in_flight = its.in_flight() + (reported ? report.in_flight : 0.0) + 1;
  const double latency = reported && report.latency.count() > 0
                             ? static_cast<double>(report.latency.count())
                             : its.latency_at(static_cast<std::uint32_t>(in_flight), now);
  return {endpoint, its.in_flight() == 0, fails(endpoint, now), pressure_of(endpoint, in_flight, now), latency};
}

// The hot-cold rule, among those that were drawn; of equals the first.
std::uint32_t Prequal::best_of(std::span<const Known> drawn) const noexcept {
  // Only the one with most is hot, and where others bear the same, or two were drawn, none.
  double most = -1;
  double second = -1;
  for (const Known& one : drawn) {
    second = std::max(second, std::min(most, one.pressure));
    most = std::max(most, one.pressure);
  }
  // One that idles was drawn by its weight: its pressure is that of a light one, and not of a busy one.
  const auto is_hot = [&](const Known& one) { return drawn.size() > 2 && one.pressure > second && !one.idles; };
  const auto is_better = [](const Known& one, const Known& than) {
    if (one.fails != than.fails) return than.fails;
    if (!are_alike(one.latency, than.latency)) return one.latency < than.latency;
    return !than.idles && one.pressure < than.pressure;
  };
  const Known* best = nullptr;
  for (const Known& one : drawn) {
    if (!is_hot(one) && (best == nullptr || is_better(one, *best))) best = &one;
  }
  return best->endpoint;
}

std::optional<std::uint32_t> Prequal::pick(const Query& query) noexcept {
  std::array<Known, kDrawn> drawn{};
  std::array<std::uint32_t, kDrawn> who{};
  std::size_t count = 0;
  const auto keep = [&](std::uint32_t endpoint) {
    who[count] = endpoint;
    drawn[count++] = known_of(endpoint, query.now);
  };
  const auto how = [&] { return count == 0 ? Thinned::fill_up : Thinned::leave_out; };
  const std::size_t wanted = std::min<std::size_t>(kDrawn, candidates().size());
  while (count < wanted) {
    const std::span<const std::uint32_t> before = std::span(who).first(count);
    auto one = glance(query, before);
    if (!one) one = draw(query, before, how());
    if (!one) break;
    keep(*one);
  }
  if (count > 0) {
    const std::uint32_t best = best_of(std::span(drawn).first(count));
    if (query.eligible(best)) return best;
  }
  for (count = 0; count < wanted;) {
    const auto one = draw(query, std::span(who).first(count), how());
    if (!one) break;
    keep(*one);
  }
  if (count == 0) return std::nullopt;
  return best_of(std::span(drawn).first(count));
}

}  // namespace lb::balancer
