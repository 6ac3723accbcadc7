#include "balancer/load.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

namespace lb::balancer {
namespace {

// What of an average the newest sample makes, how long one counts, and how long a backend's own word does.
constexpr double kNewest = 0.2;
// How far a peak rises at once towards a longer latency. All the way, the longest of many would decide: and whoever
// gets most requests has most chances of a long one.
constexpr double kRise = 0.3;
constexpr std::chrono::milliseconds kLatencyCounts{10'000};
constexpr std::chrono::milliseconds kReportCounts{1'000};
constexpr std::chrono::milliseconds kChoiceGrain{100};
// Exchanges that are thought to have gone well before any was seen: a single failure says little.
constexpr double kThoughtGood = 3;

// Time in grains of 2^20 ticks of the clock, which are about a millisecond, and a shift where that is a division. They
// wrap after 52 days; only differences are looked at.
constexpr unsigned kGrainBits = 20;
std::uint32_t grains(base::TimePoint now) noexcept {
  return static_cast<std::uint32_t>(now.time_since_epoch().count() >> kGrainBits);
}
constexpr auto kFadeGrains = static_cast<float>(base::TimePoint::duration(FadingValue::kFade).count() >> kGrainBits);

// Another worker's clock may be a moment ahead.
std::int32_t passed(std::uint32_t from, base::TimePoint now) noexcept {
  return std::max(static_cast<std::int32_t>(grains(now) - from), 0);
}

float left_after(std::int32_t age) noexcept {
  return age == 0 ? 1 : std::exp(-static_cast<float>(age) / kFadeGrains);
}

std::int64_t ticks(base::TimePoint at) noexcept {
  return at.time_since_epoch().count();
}

}  // namespace

double FadingValue::value() const noexcept {
  return static_cast<double>(
      std::bit_cast<float>(static_cast<std::uint32_t>(word_.load(std::memory_order_relaxed) >> 32U)));
}

base::TimePoint::duration FadingValue::age(base::TimePoint now) const noexcept {
  const auto at = static_cast<std::uint32_t>(word_.load(std::memory_order_relaxed));
  return base::TimePoint::duration(std::int64_t{passed(at, now)} << kGrainBits);
}

double FadingValue::faded(base::TimePoint now) const noexcept {
  const std::uint64_t word = word_.load(std::memory_order_relaxed);
  const auto value = std::bit_cast<float>(static_cast<std::uint32_t>(word >> 32U));
  if (value == 0) return 0;
  return static_cast<double>(value * left_after(passed(static_cast<std::uint32_t>(word), now)));
}

void FadingValue::set(double value, base::TimePoint now) noexcept {
  const auto bits = std::bit_cast<std::uint32_t>(static_cast<float>(value));
  word_.store(std::uint64_t{bits} << 32U | grains(now), std::memory_order_relaxed);
}

void FadingValue::approach(double value, base::TimePoint now) noexcept {
  const auto at = static_cast<std::uint32_t>(word_.load(std::memory_order_relaxed));
  const double kept = static_cast<double>(left_after(passed(at, now)));
  set(this->value() * kept + value * (1 - kept), now);
}

std::uint32_t Load::acquire(std::uint32_t most) noexcept {
  if (most == 0) return in_flight_.fetch_add(1, std::memory_order_relaxed) + 1;
  std::uint32_t count = in_flight();
  while (count < most) {
    if (in_flight_.compare_exchange_weak(count, count + 1, std::memory_order_relaxed)) return count + 1;
  }
  return 0;
}

std::chrono::microseconds Load::note_answer(std::chrono::microseconds latency, base::TimePoint now) noexcept {
  const auto micros = static_cast<std::uint32_t>(std::clamp<std::int64_t>(latency.count(), 1, UINT32_MAX));
  const std::uint32_t confirmed = std::min(micros, last_micros_.load(std::memory_order_relaxed));
  last_micros_.store(micros, std::memory_order_relaxed);
  const bool is_news = now - answered_at() >= kAnswerGrain;
  if (is_news) answered_at_.store(ticks(now), std::memory_order_relaxed);
  if (micros > longest_.value()) {
    longest_.set(micros, now);
  } else if (is_news) {
    longest_.approach(micros, now);
  }
  if (confirmed != 0 && (is_news || confirmed > peak_.value())) {
    const double known = peak_.faded(now);
    if (known == 0) {
      peak_.set(confirmed, now);
    } else if (confirmed >= known) {
      peak_.set(known + kRise * (confirmed - known), now);
    } else {
      peak_.approach(confirmed, now);
    }
  }
  return std::chrono::microseconds(confirmed);
}

void Load::note_answer(base::TimePoint now) noexcept {
  if (now - answered_at() >= kAnswerGrain) answered_at_.store(ticks(now), std::memory_order_relaxed);
}

void Load::note_late_answer(base::TimePoint now) noexcept {
  answered_at_.store(ticks(now), std::memory_order_relaxed);
  peak_.set(0, now);
  longest_.set(0, now);
  last_micros_.store(0, std::memory_order_relaxed);
}

std::size_t Load::level_of(std::uint32_t in_flight) noexcept {
  return std::min<std::size_t>(static_cast<std::size_t>(std::bit_width(std::max(in_flight, 1U))), kLevels) - 1;
}

void Load::record(const Sample& sample, base::TimePoint now) noexcept {
  samples_.set(samples_.faded(now) + 1, now);
  if (sample.latency.count() == 0) return;
  FadingValue& average = latencies_[level_of(sample.in_flight)];
  const auto latency = static_cast<double>(sample.latency.count());
  const bool is_known = average.value() > 0 && average.age(now) < kLatencyCounts;
  average.set(is_known ? average.value() + kNewest * (latency - average.value()) : latency, now);
}

void Load::record_failure(base::TimePoint now) noexcept {
  samples_.set(samples_.faded(now) + 1, now);
  failures_.set(failures_.faded(now) + 1, now);
}

void Load::record(const Report& report, base::TimePoint now) noexcept {
  reported_in_flight_.set(std::max(report.in_flight - this->in_flight(), 0.0), now);
  reported_latency_.set(static_cast<double>(report.latency.count()), now);
  reports_.store(true, std::memory_order_relaxed);
}

double Load::failure_share(base::TimePoint now) const noexcept {
  const double failures = failures_.faded(now);
  if (failures == 0) return 0;
  return std::min(failures / (samples_.faded(now) + kThoughtGood), 1.0);
}

double Load::latency_at(std::uint32_t in_flight, base::TimePoint now) const noexcept {
  const auto known = [&](std::size_t level) {
    const FadingValue& average = latencies_[level];
    return average.age(now) < kLatencyCounts ? average.value() : 0.0;
  };
  const std::size_t level = level_of(in_flight);
  // What was seen at less load is the least that is to be expected: exchanges wait for each other.
  for (std::size_t below = level + 1; below-- > 0;) {
    if (known(below) == 0) continue;
    const double seen_at = 1.5 * static_cast<double>(std::uint32_t{1} << below);
    return known(below) * (below == level ? 1.0 : std::max(1.0, in_flight / seen_at));
  }
  for (std::size_t above = level + 1; above < kLevels; ++above) {
    if (known(above) > 0) return known(above);
  }
  return 0;
}

bool Load::newest_report(base::TimePoint now, Report& report) const noexcept {
  report.in_flight = reported_in_flight_.faded(now);
  const bool is_new = reported_latency_.age(now) <= kReportCounts;
  report.latency = std::chrono::microseconds(is_new ? static_cast<std::int64_t>(reported_latency_.value()) : 0);
  return true;
}

void Load::note_choice(base::TimePoint now) noexcept {
  if (now - chosen_at() >= kChoiceGrain) chosen_at_.store(ticks(now), std::memory_order_relaxed);
}

void Load::start_slowly(base::TimePoint now, base::Duration length) noexcept {
  starts_at_.store(ticks(now), std::memory_order_relaxed);
  start_ms_.store(length.count(), std::memory_order_relaxed);
  is_reduced_.store(true, std::memory_order_relaxed);
}

void Load::reduce(double share) noexcept {
  reduced_to_.store(static_cast<float>(share), std::memory_order_relaxed);
  // If it starts slowly as well, the next look finds out whether it still does.
  if (share < 1) is_reduced_.store(true, std::memory_order_relaxed);
}

double Load::share_at(base::TimePoint now) const noexcept {
  const auto reduced = static_cast<double>(reduced_to_.load(std::memory_order_relaxed));
  const std::int64_t length = start_ms_.load(std::memory_order_relaxed);
  if (length == 0) return std::max(reduced, kShareMin);
  const std::chrono::duration<double, std::milli> since =
      now.time_since_epoch() - base::TimePoint::duration(starts_at_.load(std::memory_order_relaxed));
  return std::max(reduced * std::min(since.count() / static_cast<double>(length), 1.0), kShareMin);
}

double Load::reduced_share(base::TimePoint now) noexcept {
  const double share = share_at(now);
  if (share < 1) return share;
  is_reduced_.store(false, std::memory_order_relaxed);
  // If it has been reduced again in the same moment, that holds.
  if (share_at(now) < 1) is_reduced_.store(true, std::memory_order_relaxed);
  return share;
}

}  // namespace lb::balancer
