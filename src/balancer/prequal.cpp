#include "balancer/prequal.hpp"

#include <algorithm>
#include <array>
#include <span>

namespace lb::balancer {

std::optional<std::uint32_t> Prequal::pick(const Query& query) noexcept {
  struct Drawn {
    double pressure = 0;
    double latency = 0;
  };
  std::array<std::uint32_t, kDrawn> drawn{};
  std::array<Drawn, kDrawn> known{};
  std::array<double, kDrawn> pressures{};
  std::size_t count = 0;
  for (; count < std::min<std::size_t>(kDrawn, candidates().size()); ++count) {
    const auto one = draw(query, std::span(drawn).first(count));
    if (!one) break;
    drawn[count] = *one;
    Load& its = load(*one);
    Report report;
    const bool reported = its.reported(query.now, report);
    // What it had when it last spoke, or what it has from here alone by now.
    const double in_flight = std::max(static_cast<double>(its.in_flight()), reported ? report.in_flight : 0.0);
    const double measured = its.latency_at(static_cast<std::uint32_t>(in_flight) + 1, query.now);
    const double latency =
        reported && report.latency.count() > 0 ? static_cast<double>(report.latency.count()) : measured;
    known[count] = {pressure_of(*one, in_flight, query.now), latency + failure_latency(*one, query.now)};
    pressures[count] = known[count].pressure;
  }
  if (count == 0) return std::nullopt;
  // The last that counts as cold. Where all bear the same, none is hot.
  std::sort(pressures.begin(), pressures.begin() + static_cast<std::ptrdiff_t>(count));
  const double most = pressures[(count * kCold - 1) / kDrawn];
  std::optional<std::size_t> best;
  for (std::size_t i = 0; i < count; ++i) {
    if (known[i].pressure > most) continue;
    if (!best) {
      best = i;
      continue;
    }
    const Drawn& one = known[i];
    const Drawn& before = known[*best];
    const bool better =
        are_alike(one.latency, before.latency) ? one.pressure < before.pressure : one.latency < before.latency;
    if (better) best = i;
  }
  return drawn[*best];
}

}  // namespace lb::balancer
