#include "balancer/prequal.hpp"

#include <algorithm>
#include <array>
#include <span>

namespace lb::balancer {

Prequal::Known Prequal::known_of(std::uint32_t endpoint, base::TimePoint now) const noexcept {
  Load& its = load(endpoint);
  Report report;
  const bool reported = its.reported(now, report);
  // What it had when it last spoke, or what it has from here alone by now.
  const double in_flight = std::max(static_cast<double>(its.in_flight()), reported ? report.in_flight : 0.0);
  const double latency = reported && report.latency.count() > 0
                             ? static_cast<double>(report.latency.count())
                             : its.latency_at(static_cast<std::uint32_t>(in_flight) + 1, now);
  return {endpoint, pressure_of(endpoint, in_flight, now), latency + failure_latency(endpoint, now)};
}

// The hot-cold rule, among those that were drawn; of equals the first.
std::uint32_t Prequal::best_of(std::span<const Known> drawn) const noexcept {
  // Only the one with most is hot, and where all bear the same, or few were drawn, none.
  double most = -1;
  double second = -1;
  for (const Known& one : drawn) {
    second = std::max(second, std::min(most, one.pressure));
    most = std::max(most, one.pressure);
  }
  if (drawn.size() == kDrawn) most = second;
  const Known* best = nullptr;
  for (const Known& one : drawn) {
    if (one.pressure > most) continue;
    const bool better = best == nullptr || (are_alike(one.latency, best->latency) ? one.pressure < best->pressure
                                                                                  : one.latency < best->latency);
    if (better) best = &one;
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
  const std::size_t wanted = std::min<std::size_t>(kDrawn, candidates().size());
  while (count < wanted) {
    const std::span<const std::uint32_t> before = std::span(who).first(count);
    auto one = glance(query, before);
    if (!one) one = draw(query, before);
    if (!one) break;
    keep(*one);
  }
  if (count > 0) {
    const std::uint32_t best = best_of(std::span(drawn).first(count));
    if (query.eligible(best)) return best;
  }
  for (count = 0; count < wanted;) {
    const auto one = draw(query, std::span(who).first(count));
    if (!one) break;
    keep(*one);
  }
  if (count == 0) return std::nullopt;
  return best_of(std::span(drawn).first(count));
}

}  // namespace lb::balancer
