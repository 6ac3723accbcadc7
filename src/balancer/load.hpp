// What all workers together know of one endpoint's load: what policies choose by.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "base/clock.hpp"

namespace lb::balancer {

// A value and the moment that it is of, in one word, so that readers never see half of each. It fades with time. Any
// thread; of two that are written at the same moment one is lost.
class FadingValue {
 public:
  // After so long a value is worth a third (1/e) of what it was.
  static constexpr std::chrono::milliseconds kFade{5'000};

  [[nodiscard]] double value() const noexcept;                                      // as it was written
  [[nodiscard]] base::TimePoint::duration age(base::TimePoint now) const noexcept;  // give or take a millisecond
  [[nodiscard]] double faded(base::TimePoint now) const noexcept;
  void set(double value, base::TimePoint now) noexcept;
  // What was known fades towards the newer value, as fast as time passes between the two.
  void approach(double value, base::TimePoint now) noexcept;

 private:
  std::atomic<std::uint64_t> word_{0};
};

// How an exchange went, as far as it says something about the load.
struct Sample {
  std::chrono::microseconds latency{};  // from the request sent to the first byte of the answer; 0: it says nothing
  std::uint32_t in_flight = 1;          // exchanges at the endpoint when it began, itself included
};

// What a backend says of itself in its answers.
struct Report {
  double in_flight = 0;                 // its requests; when it is asked for later: those that are not from here
  std::chrono::microseconds latency{};  // 0: it does not say
};

// Belongs to the endpoint, and outlives plans as that does. Any thread; nothing blocks.
class Load {
 public:
  // Exchanges at once.
  [[nodiscard]] std::uint32_t in_flight() const noexcept { return in_flight_.load(std::memory_order_relaxed); }
  // One more; how many there are then. 0: there is no room below this limit. (Limit 0: there is always.) Each but 0 is
  // paid back by release().
  [[nodiscard]] std::uint32_t acquire(std::uint32_t most) noexcept;
  void release() noexcept { in_flight_.fetch_sub(1, std::memory_order_relaxed); }

  // An answer has begun. Cheap: most of them only look. Gives the latency as far as the answer before confirms it, that
  // is the lesser of the two; 0: it is the first. A single late one may be a hiccup of anybody's.
  std::chrono::microseconds note_answer(std::chrono::microseconds latency, base::TimePoint now) noexcept;
  // One has begun whose latency says nothing of what is to be expected, and neither does what was known: the endpoint
  // had come to a stop.
  void note_late_answer(base::TimePoint now) noexcept;
  // One whose latency says nothing: it came before all of the request was sent.
  void note_answer(base::TimePoint now) noexcept;
  // The longest latency of late, in microseconds, as of the last answer. 0: there was none.
  [[nodiscard]] double longest() const noexcept { return longest_.value(); }
  // When the last one did, give or take kAnswerGrain; the clock's beginning: never.
  [[nodiscard]] base::TimePoint answered_at() const noexcept {
    return base::TimePoint(base::TimePoint::duration(answered_at_.load(std::memory_order_relaxed)));
  }
  // The peak of the confirmed latencies, in microseconds: longer ones raise it quickly, and it fades slowly (after the
  // "peak EWMA" of Finagle's balancers). 0: nothing is known.
  [[nodiscard]] double peak(base::TimePoint now) const noexcept { return peak_.faded(now); }
  static constexpr std::chrono::milliseconds kAnswerGrain{10};

  // Whether a policy asks for what follows: else nobody need record it.
  [[nodiscard]] bool is_observed() const noexcept { return observed_.load(std::memory_order_relaxed); }
  void observe() noexcept { observed_.store(true, std::memory_order_relaxed); }
  void record(const Sample& sample, base::TimePoint now) noexcept;
  // There was no answer, or one of a server that is not well (5xx).
  void record_failure(base::TimePoint now) noexcept;
  void record(const Report& report, base::TimePoint now) noexcept;

  // The share of the exchanges of late that failed, as far as there were enough of them: 0 to 1.
  [[nodiscard]] double failure_share(base::TimePoint now) const noexcept;
  // The latency to be expected at so many exchanges, in microseconds, by the samples of the last seconds that were
  // taken nearest to that. 0: nothing is known.
  [[nodiscard]] double latency_at(std::uint32_t in_flight, base::TimePoint now) const noexcept;
  // What the backend has said of itself: it fades, and the latency counts for a moment. False: nothing.
  [[nodiscard]] bool reported(base::TimePoint now, Report& report) const noexcept {
    return reports_.load(std::memory_order_relaxed) && newest_report(now, report);
  }

  // When a policy has chosen it last, give or take a tenth of a second.
  [[nodiscard]] base::TimePoint chosen_at() const noexcept {
    return base::TimePoint(base::TimePoint::duration(chosen_at_.load(std::memory_order_relaxed)));
  }
  void note_choice(base::TimePoint now) noexcept;

  // What it gets of its weight's share, more than 0 and at most 1: less while it starts slowly, or answers worse than
  // the others do.
  [[nodiscard]] double share(base::TimePoint now) noexcept { return is_reduced() ? reduced_share(now) : 1; }
  [[nodiscard]] double share_at(base::TimePoint now) const noexcept;  // the same, for who only looks
  [[nodiscard]] bool is_reduced() const noexcept { return is_reduced_.load(std::memory_order_relaxed); }
  // From little to all of it, within so long.
  void start_slowly(base::TimePoint now, base::Duration length) noexcept;
  // 1: takes it back.
  void reduce(double share) noexcept;
  static constexpr double kShareMin = 0.05;

 private:
  [[nodiscard]] bool newest_report(base::TimePoint now, Report& report) const noexcept;
  [[nodiscard]] double reduced_share(base::TimePoint now) noexcept;

  // By the number of binary digits of the exchanges at once: 1, 2 to 3, 4 to 7, ...
  static constexpr std::size_t kLevels = 8;
  [[nodiscard]] static std::size_t level_of(std::uint32_t in_flight) noexcept;

  // On a line of its own: each exchange writes it.
  alignas(64) std::atomic<std::uint32_t> in_flight_{0};
  std::atomic<bool> observed_{false};
  std::atomic<bool> is_reduced_{false};
  std::atomic<bool> reports_{false};  // the backend has ever said something of itself
  std::atomic<std::int64_t> answered_at_{0};
  std::atomic<std::uint32_t> last_micros_{0};
  FadingValue peak_;
  FadingValue longest_;
  std::atomic<std::int64_t> chosen_at_{0};
  FadingValue failures_;                                    // of late, and
  FadingValue samples_;                                     // of so many
  alignas(64) std::array<FadingValue, kLevels> latencies_;  // averages, by level
  FadingValue reported_in_flight_;
  FadingValue reported_latency_;
  std::atomic<std::int64_t> starts_at_{0};
  std::atomic<std::int64_t> start_ms_{0};
  std::atomic<float> reduced_to_{1};
};

}  // namespace lb::balancer
