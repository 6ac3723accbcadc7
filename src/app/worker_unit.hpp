// One worker with all that is its own, whichever way it talks to the network.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <string>

#include "inbound/door.hpp"
#include "net/listener.hpp"
#include "net/worker.hpp"
#include "proxy/handler.hpp"
#include "telemetry/recorder.hpp"
#include "tls/client.hpp"
#include "upstream/address.hpp"
#include "upstream/tcp_transport.hpp"

namespace lb::app {

// One worker, its sockets and its proxy.
class WorkerUnit {
 public:
  // Called on the worker when a backend could not be connected to, with its slot.
  using OnConnectFailed = base::Callback<void(std::uint32_t)>;

  // What all workers share. It outlives them.
  struct Shared {
    upstream::HealthRecorder& health;
    inbound::Admissions& admissions;
    const inbound::Door::Doors& doors;
    std::size_t pipes_max;  // of each worker
    OnConnectFailed on_connect_failed;
  };

  // By the ring; without one, by Asio's reactor. `number`: from 0.
  WorkerUnit(std::unique_ptr<net::Ring> ring, const proxy::PlanPtr& plan, const Shared& shared, std::size_t number,
             std::uint64_t seed);
  WorkerUnit(const WorkerUnit&) = delete;
  WorkerUnit& operator=(const WorkerUnit&) = delete;

  [[nodiscard]] net::Worker& worker() noexcept { return worker_; }
  [[nodiscard]] inbound::Door& door() noexcept { return door_; }
  // Its counters are for any thread, the rest for the worker's.
  [[nodiscard]] telemetry::Recorder& recorder() noexcept { return recorder_; }

  void start();

  // The rest: on the worker's thread, or before it runs.
  // Takes the descriptor, of the listener with this number; more than one after a predecessor with more workers.
  void listen(std::uint64_t listener, int descriptor, inbound::GatePtr gate);
  // What it asks of the connections that come from now on.
  void set_gate(std::uint64_t listener, inbound::GatePtr gate);
  // Its port is closed; what waits in its queue is served.
  void stop_listening(std::uint64_t listener);
  // How the endpoint with this slot is reached: by TLS, or plainly. Without a client TLS always fails.
  void set_tls(std::uint32_t slot, bool secure, const tls::ClientPtr& client, const std::string& host);
  // Idle connections to other addresses of this endpoint are closed, and those in use are not kept.
  void set_addresses(std::uint32_t slot, const upstream::AddressSetPtr& addresses);
  void set_plan(const proxy::PlanPtr& plan) { handler_.set_plan(plan); }
  // Closes the idle connections to the endpoint.
  void drop_idle(const upstream::Endpoint& endpoint) { handler_.pool().drop_idle(endpoint); }
  // Accepts no more, closes what idles, lets exchanges end.
  void drain();

 private:
  [[nodiscard]] std::unique_ptr<net::Connector> make_connector();
  [[nodiscard]] std::unique_ptr<net::Acceptor> make_acceptor(int descriptor);
  void flush_soon() noexcept;

  net::Worker worker_;
  telemetry::Recorder recorder_;
  upstream::TcpTransport transport_;
  proxy::Handler handler_;
  inbound::Door door_;
  struct Listening {
    std::uint64_t number = 0;
    inbound::GatePtr gate;
    std::unique_ptr<net::Listener> listener;
  };
  // Those that have stopped stay: their loops may not have ended yet, and they hold nothing.
  std::list<Listening> listeners_;
  bool started_ = false;
  net::DeadlineWheel::Entry flush_access_log_;
};

}  // namespace lb::app
