// What the exchanges of one worker share.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/callback.hpp"
#include "base/random.hpp"
#include "http/date.hpp"
#include "http1/response_state.hpp"
#include "net/pipe.hpp"
#include "proxy/plan.hpp"
#include "telemetry/recorder.hpp"
#include "upstream/health_recorder.hpp"
#include "upstream/pool.hpp"
#include "upstream/probation.hpp"
#include "upstream/transport.hpp"

namespace lb::proxy {

// Everything here outlives the exchanges.
struct ExchangeContext {
  net::Executor executor;
  net::DeadlineWheel& wheel;
  http1::ResponseStates& response_states;
  PlanPtr plan;  // the newest
  upstream::HealthRecorder& health;
  upstream::Pool& pool;
  upstream::Probation& probation;
  net::PipePool& pipes;
  upstream::Transport& transport;
  telemetry::Recorder& recorder;
  base::Random random;  // for the jitter of pauses, and ids
  http::DateCache dates{};
  base::Callback<void(std::uint32_t)>
      on_connect_failed{};  // asks for a fresh lookup of the backend's name, by its slot

  [[nodiscard]] std::string_view date() noexcept { return dates.at(wheel.clock().wall_seconds()); }
};

}  // namespace lb::proxy
