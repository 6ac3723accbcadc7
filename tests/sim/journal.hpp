// What happened in a simulated run: the first broken promise and, where it is wanted, the events before it.
#pragma once

#include <deque>
#include <sstream>
#include <string>
#include <utility>

#include "base/clock.hpp"

namespace lb::sim {

// Writing events costs more than the run itself: a run that failed is repeated with them.
enum class Tracing { off, last_events, print };

class Journal {
 public:
  Journal(const base::Clock& clock, Tracing tracing) : clock_(clock), began_(clock.now()), tracing_(tracing) {}

  template <class... Parts>
  void note(const Parts&... parts) {
    if (tracing_ == Tracing::off) return;
    std::ostringstream text;
    text << milliseconds() << " ms  ";
    (text << ... << parts);
    keep(text.str());
  }

  // A promise was broken. The first one counts; what follows may be its consequence.
  template <class... Parts>
  void violate(const Parts&... parts) {
    if (!violation_.empty()) return;
    std::ostringstream text;
    (text << ... << parts);
    violation_ = text.str();
    note("VIOLATION: ", violation_);
  }

  [[nodiscard]] bool violated() const noexcept { return !violation_.empty(); }
  [[nodiscard]] const std::string& violation() const noexcept { return violation_; }
  [[nodiscard]] const std::deque<std::string>& events() const noexcept { return events_; }
  [[nodiscard]] std::int64_t milliseconds() const noexcept {
    return std::chrono::duration_cast<base::Duration>(clock_.now() - began_).count();
  }

 private:
  static constexpr std::size_t kEventsKept = 40;

  void keep(std::string event);

  const base::Clock& clock_;
  base::TimePoint began_;
  Tracing tracing_;
  std::string violation_;
  std::deque<std::string> events_;
};

}  // namespace lb::sim
