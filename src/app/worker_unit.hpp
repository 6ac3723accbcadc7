// One worker with all that is its own, whichever way it talks to the network.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "net/listener.hpp"
#include "net/pause.hpp"
#include "net/worker.hpp"
#include "proxy/handler.hpp"
#include "telemetry/recorder.hpp"
#include "upstream/address.hpp"
#include "upstream/tcp_transport.hpp"

namespace lb::app {

// How many client connections there are and may be, over all workers.
class Admissions {
 public:
  // `turned_away_max` more get a 503; those beyond wait in the kernel's queue.
  void limit(std::size_t connections_max, std::size_t turned_away_max) noexcept {
    connections_max_.store(connections_max, std::memory_order_relaxed);
    turned_away_max_.store(turned_away_max, std::memory_order_relaxed);
  }
  [[nodiscard]] std::size_t connections_max() const noexcept { return connections_max_; }
  [[nodiscard]] std::size_t connections() const noexcept { return connections_.load(std::memory_order_relaxed); }

  [[nodiscard]] bool has_room() const noexcept { return connections() < connections_max_ + turned_away_max_; }
  // True: it is to be served; false: to be turned away. Either way it counts until leave().
  [[nodiscard]] bool enter() noexcept {
    return connections_.fetch_add(1, std::memory_order_relaxed) < connections_max_;
  }
  void leave() noexcept { connections_.fetch_sub(1, std::memory_order_relaxed); }

 private:
  std::atomic<std::size_t> connections_{0};
  std::atomic<std::size_t> connections_max_{0};
  std::atomic<std::size_t> turned_away_max_{0};
};

// One worker, its sockets and its proxy.
class WorkerUnit {
 public:
  // Called on the worker when a backend could not be connected to, with its slot.
  using OnConnectFailed = base::Callback<void(std::uint32_t)>;

  // What all workers share. It outlives them.
  struct Shared {
    upstream::HealthRecorder& health;
    Admissions& admissions;
    const std::vector<std::unique_ptr<WorkerUnit>>& units;  // complete before any of them runs
    std::size_t pipes_max;                                  // of each worker
    OnConnectFailed on_connect_failed;
  };

  // By the ring; without one, by Asio's reactor. `number`: from 0.
  WorkerUnit(std::unique_ptr<net::Ring> ring, const proxy::PlanPtr& plan, const Shared& shared, std::size_t number,
             std::uint64_t seed);
  WorkerUnit(const WorkerUnit&) = delete;
  WorkerUnit& operator=(const WorkerUnit&) = delete;

  [[nodiscard]] net::Worker& worker() noexcept { return worker_; }
  // Its counters are for any thread, the rest for the worker's.
  [[nodiscard]] telemetry::Recorder& recorder() noexcept { return recorder_; }

  // Before the worker runs. Takes the descriptor; more than one after a predecessor with more workers.
  void listen(int descriptor);
  void start();

  // The rest: on the worker's thread.
  // Idle connections to other addresses of this endpoint are closed, and those in use are not kept.
  void set_addresses(std::uint32_t slot, const upstream::AddressSetPtr& addresses);
  void set_plan(const proxy::PlanPtr& plan) { handler_.set_plan(plan); }
  // Closes the idle connections to the endpoint.
  void drop_idle(const upstream::Endpoint& endpoint) { handler_.pool().drop_idle(endpoint); }
  // Accepts no more, closes what idles, lets exchanges end.
  void drain();

 private:
  // Touched on the thread that waits alone; one that comes too late finds nobody.
  struct Answer {
    net::Pause* awaited;
    bool room = false;
  };

  [[nodiscard]] std::unique_ptr<net::Connector> make_connector();
  [[nodiscard]] std::unique_ptr<net::Acceptor> make_acceptor(int descriptor);
  void serve(net::StreamPtr stream, std::string client_address);
  net::Awaitable<void> admit(net::StreamPtr stream, std::string client_address);
  net::Awaitable<void> admit_if_others_make_room(net::StreamPtr stream, std::string client_address);
  net::Awaitable<bool> others_make_room();
  net::Awaitable<bool> makes_room(WorkerUnit& other, net::Pause& arrived, base::Deadline deadline);

  net::Worker worker_;
  telemetry::Recorder recorder_;
  Admissions& admissions_;
  const std::vector<std::unique_ptr<WorkerUnit>>& units_;
  upstream::TcpTransport transport_;
  proxy::Handler handler_;
  std::vector<std::unique_ptr<net::Listener>> listeners_;
  net::DeadlineWheel::Entry flush_access_log_;
};

}  // namespace lb::app
