#include "app/worker_unit.hpp"

#include <utility>

#include "base/limits.hpp"
#include "net/ring_acceptor.hpp"
#include "net/ring_connector.hpp"
#include "net/tcp_acceptor.hpp"

namespace lb::app {

WorkerUnit::WorkerUnit(std::unique_ptr<net::Ring> ring, const proxy::PlanPtr& plan, const Shared& shared,
                       std::size_t number, std::uint64_t seed)
    : worker_(base::system_clock(), std::move(ring)),
      recorder_(number, base::system_clock()),
      transport_(make_connector(), &shared.health),
      handler_(worker_.executor(), worker_.wheel(), worker_.blocks(), worker_.sessions(), plan, shared.health,
               transport_, recorder_, seed),
      door_(worker_, handler_, recorder_, shared.admissions, shared.doors),
      flush_access_log_(worker_.wheel(),
                        net::DeadlineWheel::Fire::to<&telemetry::AccessLog::flush>(recorder_.access_log())) {
  recorder_.access_log().on_waiting(base::Callback<void()>::to<&WorkerUnit::flush_soon>(*this));
  handler_.pipes().limit(shared.pipes_max);
  handler_.on_connect_failed(shared.on_connect_failed);
}

std::unique_ptr<net::Connector> WorkerUnit::make_connector() {
  if (worker_.ring() == nullptr) return std::make_unique<net::TcpConnector>(worker_.executor(), worker_.wheel());
  return std::make_unique<net::RingConnector>(*worker_.ring(), worker_.executor(), worker_.wheel());
}

std::unique_ptr<net::Acceptor> WorkerUnit::make_acceptor(int descriptor) {
  if (worker_.ring() == nullptr) return std::make_unique<net::TcpAcceptor>(worker_, descriptor);
  return std::make_unique<net::RingAcceptor>(worker_, descriptor);
}

void WorkerUnit::flush_soon() noexcept {
  flush_access_log_.arm(worker_.wheel().after(base::kAccessLogDelay));
}

void WorkerUnit::listen(std::uint64_t listener, int descriptor, inbound::GatePtr gate) {
  Listening& made = listeners_.emplace_back(Listening{listener, std::move(gate), nullptr});
  made.listener = std::make_unique<net::Listener>(
      worker_, make_acceptor(descriptor), [this] { return door_.has_room(); },
      [this, &made](net::StreamPtr stream, const net::Tcp::endpoint& from) {
        door_.receive(std::move(stream), from, made.gate);
      });
  if (started_) made.listener->start();
}

void WorkerUnit::set_gate(std::uint64_t listener, inbound::GatePtr gate) {
  for (Listening& one : listeners_) {
    if (one.number == listener) one.gate = gate;
  }
}

void WorkerUnit::stop_listening(std::uint64_t listener) {
  for (Listening& one : listeners_) {
    if (one.number == listener) one.listener->stop();
  }
}

void WorkerUnit::set_tls(std::uint32_t slot, bool secure, const tls::ClientPtr& client, const std::string& host) {
  transport_.set_connector(
      slot,
      !secure ? nullptr : std::make_unique<tls::Connector>(transport_.connector(), client, host, worker_.blocks()));
}

void WorkerUnit::start() {
  started_ = true;
  for (const Listening& one : listeners_) one.listener->start();
  worker_.start();
}

void WorkerUnit::set_addresses(std::uint32_t slot, const upstream::AddressSetPtr& addresses) {
  transport_.set_addresses(slot, addresses);
  handler_.pool().keep_only(slot, *addresses);
}

void WorkerUnit::drain() {
  for (const Listening& one : listeners_) one.listener->stop();
  worker_.sessions().drain();
  handler_.close_idle();
}

}  // namespace lb::app
