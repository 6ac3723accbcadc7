// Endpoints of a service that do much worse than the others, by what was counted of their exchanges.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "upstream/health_recorder.hpp"
#include "upstream/members.hpp"

namespace lb::upstream {

struct OutlierSettings {
  unsigned failure_percent = 0;   // of its answers; 0: failures are not looked at
  unsigned latency_percent = 0;   // of the median of all; 0: latency is not looked at
  base::Duration window{10'000};  // that is judged
  std::uint64_t requests = 20;    // in it, for an endpoint to be judged
  unsigned ejected_percent = 30;  // of the endpoints, at once; never the last that is up
  base::Duration ejection{30'000};

  [[nodiscard]] bool looks() const noexcept { return failure_percent != 0 || latency_percent != 0; }
};

// Takes weight away first, half of it at each look that finds an endpoint wanting; then ejects it, longer each time;
// and gives all of that back the same way. One thread.
//
// An endpoint fails too much when its share of failures is above the setting and twice that of the others together. It
// is slow when its median latency is above the setting and further from the median of all than three deviations, by the
// median absolute deviation (F. Hampel, "The Influence Curve and Its Role in Robust Estimation", 1974), which takes
// three endpoints at least.
class OutlierDetector {
 public:
  explicit OutlierDetector(HealthRecorder& health) : health_(health) {}

  void configure(const OutlierSettings& settings);
  // The endpoints of the service. One that leaves is forgotten.
  void watch(const std::vector<EndpointPtr>& endpoints);

  // Looks at what has come since the last looks, if interval() has passed since the last one.
  void look(base::TimePoint now);
  [[nodiscard]] base::Duration interval() const noexcept { return settings_.window / kLooksInWindow; }
  [[nodiscard]] bool looks() const noexcept { return settings_.looks(); }

 private:
  static constexpr int kLooksInWindow = 5;

  // What was counted until then.
  struct Counts {
    std::uint64_t ended = 0;
    std::uint64_t failed = 0;
    telemetry::Distribution first_byte;
  };
  struct Known {
    EndpointPtr endpoint;
    std::deque<Counts> looks{};       // at most those of a window
    unsigned stage = 0;               // of weight taken away
    unsigned ejections = 0;           // of late
    base::TimePoint ejected_until{};  // while it is
    base::TimePoint good_since{};
    // In the window.
    bool is_judged = false;
    double failures = 0;  // share
    double median = 0;    // microseconds
  };

  static Counts counts_of(const Endpoint& endpoint);
  void measure(Known& known) const;
  [[nodiscard]] std::string fault_of(const Known& known) const;
  [[nodiscard]] bool may_eject(const Known& known) const;
  void blame(Known& known, const std::string& fault, base::TimePoint now);
  void forgive(Known& known, base::TimePoint now);
  void give_back(const Known& known);

  HealthRecorder& health_;
  OutlierSettings settings_;
  std::vector<Known> known_;
  base::TimePoint looked_at_{};
};

}  // namespace lb::upstream
