// simulate FROM COUNT: runs so many seeds, and ends with exit status 1 if one broke a promise, after at most ten of
// them. simulate FROM 1 trace: prints every event of the one run.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "sim/simulation.hpp"

int main(int count, char** arguments) {
  using namespace lb::sim;
  if (count < 3) {
    std::fputs("simulate FROM COUNT [trace]\n", stderr);
    return 2;
  }
  const std::uint64_t from = std::strtoull(arguments[1], nullptr, 10);
  const std::uint64_t seeds = std::strtoull(arguments[2], nullptr, 10);
  const bool trace = count > 3 && std::string_view(arguments[3]) == "trace";
  Figures figures;
  std::size_t failed = 0;
  for (std::uint64_t seed = from; seed < from + seeds && failed < 10; ++seed) {
    const Report report = simulate(seed, trace ? Tracing::print : Tracing::off);
    figures.add(report.figures);
    if (report.violation.empty()) continue;
    ++failed;
    std::printf("%s", to_text(report).c_str());
    static_cast<void>(std::fflush(stdout));
  }
  std::printf(
      "runs %zu failed %zu requests %zu answered %zu own_answers %zu judged_failures %zu cuts %zu forwarded %zu "
      "reloads "
      "%zu drains %zu simulated_s %lld event_loop_steps %zu most_in_a_run %zu most_at_once %zu\n",
      figures.runs, failed, figures.requests, figures.answered, figures.own_answers, figures.judged_failures,
      figures.cuts, figures.attempts, figures.reloads, figures.drains,
      static_cast<long long>(figures.simulated_ms / 1000), figures.handlers, figures.handlers_max,
      figures.handlers_at_once_max);
  return failed == 0 ? 0 : 1;
}
