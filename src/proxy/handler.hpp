// A client connection's life, as one coroutine.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/object_pool.hpp"
#include "http1/server_connection.hpp"
#include "proxy/exchange.hpp"

namespace lb::proxy {

// One worker's proxy: what its connections share. Lives as long as the worker's coroutines.
class Handler {
 public:
  // `transport` and everything it refers to outlive the handler.
  Handler(net::Executor executor, net::DeadlineWheel& wheel, net::BlockPool& blocks, net::SessionSet& sessions,
          const PlanPtr& plan, upstream::HealthRecorder& health, upstream::Transport& transport,
          telemetry::Recorder& recorder, std::uint64_t seed);

  // Exchanges go by this from now on, and connections by its settings. Connections to backends that left are not kept.
  void set_plan(const PlanPtr& plan);

  // Serves one client until its connection ends. The coroutine owns the stream; a task of the worker's.
  // Ended early by closing the stream (SessionSet::abort()). `first_request`: when the first byte of a request has to
  // be there, if sooner than the settings say. `early`: what was read of the stream already, which is taken over;
  // null: nothing was.
  [[nodiscard]] net::Awaitable<void> serve(net::StreamPtr stream, message::Peer peer,
                                           base::Deadline first_request = base::kNever,
                                           net::InputBuffer* early = nullptr);

  // Answers 503 and ends the connection: there are too many. Ends by itself within the linger time.
  [[nodiscard]] net::Awaitable<void> turn_away(net::StreamPtr stream, message::Peer peer);

  // The newest one.
  [[nodiscard]] const Plan& plan() const noexcept { return *context_.plan; }

  // Called on this worker when a backend could not be connected to, with its slot.
  void on_connect_failed(base::Callback<void(std::uint32_t)> call) noexcept { context_.on_connect_failed = call; }

  // For large bodies; none until it is told how many. Before the worker runs.
  [[nodiscard]] net::PipePool& pipes() noexcept { return pipes_; }

  // Closes the idle connections to the backends, and keeps none from now on.
  void close_idle() {
    pool_.close();
    probation_.close();
  }
  [[nodiscard]] upstream::Pool& pool() noexcept { return pool_; }

 private:
  using Client = http1::ServerConnection;
  using ExchangePtr = std::unique_ptr<Exchange>;

  // Those that rest between two requests.
  [[nodiscard]] ExchangePtr take_exchange();
  void give_back(ExchangePtr exchange) noexcept;

  net::SessionSet& sessions_;
  http1::Settings http_;  // the newest plan's
  http1::ResponseStates response_states_;
  upstream::Pool pool_;
  upstream::Probation probation_;
  net::PipePool pipes_;
  ExchangeContext context_;
  http1::RequestStates states_;
  base::ObjectPool<Exchange> pooled_{base::kPooledExchangesMax};
};

}  // namespace lb::proxy
