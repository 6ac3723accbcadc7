#include <csignal>
#include <cstdio>
#include <memory>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#include <sanitizer/common_interface_defs.h>
#define LB_SIM_SANITIZED
#endif

#include "sim/simulation.hpp"

namespace lb::sim {
namespace {

std::uint64_t g_seed = 0;            // of the run under way, for whoever finds the process dead
Simulation* g_simulation = nullptr;  // the same

// A broken invariant of the code itself ends the process; the seed is said all the same.
void say_seed() {
  if (g_simulation == nullptr) return;
  Report report;
  report.seed = g_seed;
  report.violation = "the process ends: a check of the code's own, or a sanitizer";
  report.events = g_simulation->stage().journal.events();
  g_simulation = nullptr;
  std::fputs(to_text(report).c_str(), stderr);
}

void on_abort(int /*signal*/) {
  say_seed();
}

Report run_once(std::uint64_t seed, Tracing tracing) {
  auto simulation = std::make_unique<Simulation>(seed, tracing);
  g_seed = seed;
  g_simulation = simulation.get();
  simulation->run();
  g_simulation = nullptr;
  Journal& journal = simulation->stage().journal;
  Report report{seed, journal.violation(), journal.events(), simulation->stage().ledger.figures};
  // Whoever still waits refers to it, and may do so for ever.
  if (journal.violated()) static_cast<void>(simulation.release());
  return report;
}

}  // namespace

Report simulate(std::uint64_t seed, Tracing tracing) {
  static const bool prepared = [] {
    static_cast<void>(std::signal(SIGABRT, &on_abort));
#ifdef LB_SIM_SANITIZED
    __sanitizer_set_death_callback(&say_seed);
#endif
    return true;
  }();
  static_cast<void>(prepared);
  Report report = run_once(seed, tracing);
  if (tracing == Tracing::off && !report.violation.empty()) report = run_once(seed, Tracing::last_events);
  return report;
}

std::string to_text(const Report& report) {
  std::string text = "seed " + std::to_string(report.seed) + ": " + report.violation + "\n";
  for (const std::string& event : report.events) text += "  " + event + "\n";
  return text + "repeat it with: scripts/simulate --seed " + std::to_string(report.seed) + " --trace\n";
}

}  // namespace lb::sim
