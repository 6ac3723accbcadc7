#include "app/workers.hpp"

#include <algorithm>
#include <random>
#include <sched.h>
#include <string>
#include <sys/resource.h>
#include <utility>

#include "base/limits.hpp"
#include "base/log.hpp"

namespace lb::app {
namespace {

using base::LogLevel;

// The processors this process may use, which in a container are fewer than the machine has.
std::size_t processor_count() noexcept {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) != 0) return 1;
  return static_cast<std::size_t>(std::max(CPU_COUNT(&set), 1));
}

// How many descriptors this process may have open.
std::size_t descriptor_limit() noexcept {
  rlimit limit{};
  return ::getrlimit(RLIMIT_NOFILE, &limit) == 0 ? static_cast<std::size_t>(limit.rlim_cur) : SIZE_MAX;
}

}  // namespace

Workers::Workers(const config::Config& config)
    : count_(config.server.threads == 0 ? processor_count() : config.server.threads) {}

void Workers::make(const proxy::PlanPtr& plan, upstream::HealthRecorder& health,
                   WorkerUnit::OnConnectFailed on_connect_failed) {
  std::vector<std::unique_ptr<net::Ring>> rings(count_);
  std::string problem;
  for (auto& ring : rings) {
    ring = net::Ring::open(problem);
    if (!ring) break;
  }
  const bool by_ring = rings.back() != nullptr;
  // Each request costs more by epoll, and who wonders why finds it here.
  base::log(by_ring ? LogLevel::debug : LogLevel::info,
            by_ring ? "workers use io_uring" : "workers use epoll, for io_uring is not to be had: " + problem);
  std::random_device seed;
  const WorkerUnit::Shared shared{health, admissions_, doors_, pipes_max(), on_connect_failed};
  for (auto& ring : rings) {
    units_.push_back(std::make_unique<WorkerUnit>(by_ring ? std::move(ring) : nullptr, plan, shared, units_.size(),
                                                  (std::uint64_t{seed()} << 32U) | seed()));
    doors_.push_back(&units_.back()->door());
  }
}

std::string_view Workers::transport() const noexcept {
  return units_.front()->worker().ring() != nullptr ? "io_uring" : "epoll";
}

void Workers::post_each(const std::function<void(WorkerUnit&)>& run) const {
  for (const auto& unit : units_) unit->worker().post([&unit = *unit, run] { run(unit); });
}

// All of them together take a sixteenth of the descriptors at most.
std::size_t Workers::pipes_max() const noexcept {
  return std::min(base::kPipesMax, descriptor_limit() / 32 / count_);
}

// A client that is being answered needs a second descriptor, for its backend; most clients idle between their requests.
// So three quarters of what the system gives are for clients. Should more than a third of them be busy at once, the
// others' requests wait for a descriptor (Exchange::may_try_again).
void Workers::limit_connections(const config::Config& config) {
  const std::size_t descriptors = descriptor_limit();
  const std::size_t for_admin = config.admin.port != 0 ? 2 * base::kAdminConnectionsMax : 0;
  const std::size_t for_pipes = 2 * pipes_max() * count_;
  const std::size_t reserved =
      base::kDescriptorsReserved + 4 * processor_count() + config.backends.size() + for_admin + for_pipes;
  const std::size_t free = descriptors > reserved ? descriptors - reserved : 0;
  const std::size_t turned_away_max = std::min(base::kTurnedAwayMax, free / 8);
  const std::size_t most =
      std::clamp((free - turned_away_max) / 4 * 3, std::size_t{1}, config.server.limits.connections);
  const bool changed = admissions_.connections_max() != most;
  admissions_.limit(most, turned_away_max);
  if (!changed) return;
  if (most < config.server.limits.connections) {
    base::log(LogLevel::info, "at most " + std::to_string(most) +
                                  " client connections at once: this process may open " + std::to_string(descriptors) +
                                  " files (ulimit -n)");
  }
}

// A predecessor may have had more workers: whatever waits in the queues of its sockets is served as well.
std::vector<int> Workers::listen(std::uint64_t listener, net::ListenSockets& sockets, const inbound::GatePtr& gate) {
  std::vector<int> descriptors;
  for (std::size_t i = 0; i < sockets.size(); ++i) {
    const int descriptor = sockets.release(i);
    descriptors.push_back(descriptor);
    WorkerUnit& unit = *units_[i % units_.size()];
    if (started_) {
      unit.worker().post([&unit, listener, descriptor, gate] { unit.listen(listener, descriptor, gate); });
    } else {
      unit.listen(listener, descriptor, gate);
    }
  }
  return descriptors;
}

void Workers::set_gate(std::uint64_t listener, const inbound::GatePtr& gate) const {
  post_each([listener, gate](WorkerUnit& unit) { unit.set_gate(listener, gate); });
}

void Workers::stop_listening(std::uint64_t listener) const {
  post_each([listener](WorkerUnit& unit) { unit.stop_listening(listener); });
}

void Workers::start() {
  started_ = true;
  for (const auto& unit : units_) unit->start();
}

void Workers::drain(const std::function<void()>& on_drained) const {
  post_each([on_drained](WorkerUnit& unit) {
    unit.drain();
    unit.worker().tasks().when_empty([&unit, on_drained] {
      unit.recorder().access_log().flush();
      on_drained();
    });
  });
}

void Workers::abort() const {
  post_each([](WorkerUnit& unit) { unit.worker().sessions().abort(); });
}

void Workers::release() const {
  for (const auto& unit : units_) unit->worker().release();
}

void Workers::join() const {
  for (const auto& unit : units_) unit->worker().join();
}

}  // namespace lb::app
