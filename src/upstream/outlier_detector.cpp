#include "upstream/outlier_detector.hpp"

#include <algorithm>
#include <cmath>
#include <unordered_map>
#include <utility>

#include "telemetry/totals.hpp"

namespace lb::upstream {
namespace {

// Weight is halved so often before an endpoint is ejected.
constexpr unsigned kStages = 2;
constexpr unsigned kLongestEjection = 10;  // times the first one
constexpr double kFailsMore = 2;           // than the others
constexpr double kDeviations = 3;
constexpr double kDeviationOfMad = 1.4826;  // the standard deviation of what is normally distributed
constexpr std::size_t kJudgedMin = 3;       // for a median to be compared with

double median_of(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>((values.size() - 1) / 2);
  std::ranges::nth_element(values, middle);
  return *middle;
}

double share_of(unsigned stage) noexcept {
  return 1.0 / static_cast<double>(1U << stage);
}

std::string percent(double share) {
  return std::to_string(std::lround(share * 100)) + " %";
}

std::string milliseconds(double micros) {
  return std::to_string(std::lround(micros / 1000)) + " ms";
}

}  // namespace

void OutlierDetector::configure(const OutlierSettings& settings) {
  settings_ = settings;
  if (settings_.looks()) return;
  for (Known& known : known_) {
    give_back(known);
    known = Known{.endpoint = known.endpoint};
  }
}

void OutlierDetector::give_back(const Known& known) {
  known.endpoint->load().reduce(1);
  known.endpoint->note_reduced_for({}, {});
  health_.record_end_of_ejection(*known.endpoint);
}

void OutlierDetector::watch(const std::vector<EndpointPtr>& endpoints) {
  std::unordered_map<const Endpoint*, Known*> before;
  for (Known& known : known_) before.emplace(known.endpoint.get(), &known);
  std::vector<Known> now;
  for (const EndpointPtr& endpoint : endpoints) {
    const auto found = before.find(endpoint.get());
    now.push_back(found == before.end() ? Known{.endpoint = endpoint} : std::move(*found->second));
    if (found != before.end()) before.erase(found);
  }
  for (const auto& [endpoint, left] : before) give_back(*left);
  known_ = std::move(now);
}

OutlierDetector::Counts OutlierDetector::counts_of(const Endpoint& endpoint) {
  using telemetry::AttemptResult;
  telemetry::BackendTotals totals;
  for (std::size_t worker = 0; worker < endpoint.workers(); ++worker) totals.add(endpoint.counters(worker));
  Counts counts;
  counts.failed = totals.failures() + totals.answers[5];
  counts.ended = totals.failures() + totals.results[static_cast<std::size_t>(AttemptResult::answered)];
  counts.first_byte = totals.first_byte;
  return counts;
}

void OutlierDetector::measure(Known& known) const {
  Counts now = counts_of(*known.endpoint);
  const Counts first = known.looks.empty() ? now : known.looks.front();
  const std::uint64_t ended = now.ended - first.ended;
  telemetry::Distribution latency = now.first_byte;
  latency -= first.first_byte;
  known.is_judged = ended >= settings_.requests;
  known.failures =
      ended == 0 ? 0 : std::min(static_cast<double>(now.failed - first.failed) / static_cast<double>(ended), 1.0);
  known.median = latency.quantile_micros(0.5);
  known.looks.push_back(std::move(now));
  if (known.looks.size() > kLooksInWindow) known.looks.pop_front();
}

// What is wrong with it, for people; empty: nothing.
std::string OutlierDetector::fault_of(const Known& known) const {
  double failures_of_others = 0;
  std::vector<double> medians;
  std::size_t others = 0;
  for (const Known& one : known_) {
    if (!one.is_judged) continue;
    if (one.median > 0) medians.push_back(one.median);
    if (&one == &known) continue;
    failures_of_others += one.failures;
    ++others;
  }
  if (others == 0) return {};
  failures_of_others /= static_cast<double>(others);
  const bool fails = settings_.failure_percent != 0 && known.failures * 100 >= settings_.failure_percent &&
                     known.failures >= kFailsMore * failures_of_others;
  if (fails)
    return percent(known.failures) + " of its answers failed, and " + percent(failures_of_others) + " of the others'";
  if (settings_.latency_percent == 0 || medians.size() < kJudgedMin || known.median == 0) return {};
  const double median = median_of(medians);
  std::vector<double> deviations;
  for (const double one : medians) deviations.push_back(std::abs(one - median));
  const double deviation = kDeviationOfMad * median_of(deviations);
  const bool slow =
      known.median * 100 >= median * settings_.latency_percent && known.median > median + kDeviations * deviation;
  return slow ? "half of its answers took longer than " + milliseconds(known.median) + ", and " + milliseconds(median) +
                    " is usual"
              : std::string();
}

bool OutlierDetector::may_eject(const Known& known) const {
  std::size_t ejected = 0;
  bool others_up = false;
  for (const Known& one : known_) {
    const bool is_out = one.endpoint->suspension() != Suspension::none;
    if (one.endpoint->suspension() == Suspension::ejected) ++ejected;
    others_up = others_up || (&one != &known && !is_out && one.endpoint->is_active() && one.endpoint->is_up());
  }
  return others_up && (ejected + 1) * 100 <= known_.size() * settings_.ejected_percent;
}

void OutlierDetector::blame(Known& known, const std::string& fault, base::TimePoint now) {
  known.good_since = {};
  if (known.stage < kStages) {
    ++known.stage;
    known.endpoint->load().reduce(share_of(known.stage));
    health_.record_reduction(*known.endpoint, share_of(known.stage), fault);
    return;
  }
  if (!may_eject(known)) return;
  const unsigned times = std::min(1U << std::min(known.ejections, 4U), kLongestEjection);
  ++known.ejections;
  known.ejected_until = now + settings_.ejection * times;
  health_.record_ejection(*known.endpoint, settings_.ejection * times, fault);
}

// Weight comes back as it went. One that was well for the time of an ejection has atoned for one.
void OutlierDetector::forgive(Known& known, base::TimePoint now) {
  if (known.stage > 0) {
    --known.stage;
    known.endpoint->load().reduce(share_of(known.stage));
    health_.record_reduction(*known.endpoint, share_of(known.stage), {});
  }
  if (known.good_since == base::TimePoint()) known.good_since = now;
  if (known.ejections == 0 || now - known.good_since < settings_.ejection) return;
  --known.ejections;
  known.good_since = now;
}

void OutlierDetector::look(base::TimePoint now) {
  if (!settings_.looks() || now - looked_at_ < interval()) return;
  looked_at_ = now;
  for (Known& known : known_) measure(known);
  for (Known& known : known_) {
    Endpoint& endpoint = *known.endpoint;
    if (known.ejected_until != base::TimePoint()) {
      if (now < known.ejected_until) continue;
      known.ejected_until = {};
      known.looks.clear();  // what it did before does not count again
      health_.record_end_of_ejection(endpoint);
      continue;
    }
    if (!endpoint.is_up() || endpoint.suspension() != Suspension::none) continue;
    const std::string fault = known.is_judged ? fault_of(known) : std::string();
    fault.empty() ? forgive(known, now) : blame(known, fault, now);
  }
}

}  // namespace lb::upstream
