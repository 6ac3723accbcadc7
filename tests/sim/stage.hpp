// What the actors of a simulated run share: the world with its clock, chance, and the record of what happened.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "sim/journal.hpp"
#include "sim/ledger.hpp"
#include "sim/random.hpp"
#include "support/memory_stream.hpp"
#include "telemetry/histogram.hpp"

namespace lb::sim {

using base::Duration;
using End = test::MemoryStream::End;

class Stage {
 public:
  Stage(std::uint64_t seed, Tracing tracing) : random(seed), journal(world.clock, tracing) {}

  // Everything that can happen without time passing. More than the bound of it is a loop that nobody leaves.
  void run();
  // Lets time pass, tick by tick. Nobody acts meanwhile.
  void pass(Duration time);
  // Sends some of the text, in slices with the proxy running in between. How much of it left.
  std::size_t feed(test::MemoryStream& stream, std::string_view text, std::size_t slice);

  [[nodiscard]] base::TimePoint now() const noexcept { return world.clock.now(); }

  test::World world;
  Random random;
  Journal journal;
  Ledger ledger;

  // Of the whole run, whatever the configuration changes to.
  bool connect_faults_only = false;  // whoever accepts a connection serves it well
  bool limits = false;               // some backend has a limit of connections
  bool stalls = false;               // a request may leave a backend that owes every answer
  unsigned attempts_min = 0;
  unsigned attempts_max = 0;
  std::size_t replay_bytes_min = 0;

  std::size_t step = 1;                          // finer than time: what comes later has a larger one
  bool starving = false;                         // no descriptor is left for anybody
  std::size_t starved = 0;                       // the last step in which a connect found no descriptor
  const telemetry::Counter* at_fault = nullptr;  // requests that the proxy took for the cause of their failures
  std::uint64_t at_fault_excused = 0;            // of those, that were judged
  bool silent = false;                           // all peers are
  bool draining = false;
  bool ended = false;  // the grace period is over: connections were aborted

 private:
  // Some ten times what was seen in 200,000 runs.
  static constexpr std::size_t kHandlersAtOnceMax = 50'000;
  static constexpr std::size_t kHandlersMax = 1'000'000;
};

}  // namespace lb::sim
