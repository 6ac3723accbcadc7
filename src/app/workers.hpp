// The workers of the server, all together.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "app/worker_unit.hpp"
#include "config/config.hpp"
#include "net/listen_sockets.hpp"

namespace lb::app {

// Control thread, unless it says otherwise. Posting waits for nobody; what is posted runs in order.
class Workers {
 public:
  using Units = std::vector<std::unique_ptr<WorkerUnit>>;

  // As many as the configuration says, or as this process may use processors.
  explicit Workers(const config::Config& config);

  // Makes them, with io_uring where the kernel lets us: all of them or none. They begin with this plan. The recorder
  // lives as long as they run.
  void make(const proxy::PlanPtr& plan, upstream::HealthRecorder& health,
            WorkerUnit::OnConnectFailed on_connect_failed);

  // How many there are, or will be.
  [[nodiscard]] std::size_t size() const noexcept { return count_; }
  [[nodiscard]] const Units& units() const noexcept { return units_; }
  [[nodiscard]] inbound::Admissions& admissions() noexcept { return admissions_; }
  // "io_uring" or "epoll".
  [[nodiscard]] std::string_view transport() const noexcept;

  // Has `run` called with each worker's unit, on its thread.
  void post_each(const std::function<void(WorkerUnit&)>& run) const;
  // On that worker's thread. Any thread.
  void post(std::size_t worker, std::function<void()> run) const { units_[worker]->worker().post(std::move(run)); }

  // How many clients they may serve, as the configuration and the number of descriptors say.
  void limit_connections(const config::Config& config);

  // Whose connections they accept, as the listener of this number. They own the descriptors, which are returned.
  std::vector<int> listen(std::uint64_t listener, net::ListenSockets& sockets, const inbound::GatePtr& gate);
  void set_gate(std::uint64_t listener, const inbound::GatePtr& gate) const;
  void stop_listening(std::uint64_t listener) const;
  void start();

  // Stopping, as a protocol. Each accepts no more and lets its exchanges end; `on_drained` is called once for each, on
  // its thread, when it has no task left.
  void drain(const std::function<void()>& on_drained) const;
  // Ends what is left: clients see a reset.
  void abort() const;
  // Nothing keeps their loops from ending any more.
  void release() const;
  // After release(), when all have drained.
  void join() const;

 private:
  // Of each worker.
  [[nodiscard]] std::size_t pipes_max() const noexcept;

  std::size_t count_;
  inbound::Admissions admissions_;
  inbound::Door::Doors doors_;
  Units units_;
  bool started_ = false;
};

}  // namespace lb::app
