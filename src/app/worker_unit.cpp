#include "app/worker_unit.hpp"

#include <utility>

#include "base/limits.hpp"
#include "net/ring_acceptor.hpp"
#include "net/ring_connector.hpp"
#include "net/tcp_acceptor.hpp"

namespace lb::app {
namespace {

// The address for X-Forwarded-For: an IPv4 client of a dual-stack socket is shown as what it is.
std::string client_address_of(const net::Tcp::endpoint& peer) {
  const auto address = peer.address();
  if (address.is_v6() && address.to_v6().is_v4_mapped()) {
    return net::asio::ip::make_address_v4(net::asio::ip::v4_mapped, address.to_v6()).to_string();
  }
  return address.to_string();
}

}  // namespace

WorkerUnit::WorkerUnit(std::unique_ptr<net::Ring> ring, const proxy::PlanPtr& plan, const Shared& shared,
                       std::size_t number, std::uint64_t seed)
    : worker_(base::system_clock(), std::move(ring)),
      recorder_(number, base::system_clock()),
      admissions_(shared.admissions),
      units_(shared.units),
      transport_(make_connector(), &shared.health),
      handler_(worker_.executor(), worker_.wheel(), worker_.blocks(), worker_.sessions(), plan, shared.health,
               transport_, recorder_, seed),
      flush_access_log_(
          worker_.wheel(), [](void* self) noexcept { static_cast<WorkerUnit*>(self)->recorder_.access_log().flush(); },
          this) {
  recorder_.access_log().on_waiting(
      [](void* self) noexcept {
        auto& unit = *static_cast<WorkerUnit*>(self);
        unit.flush_access_log_.arm(unit.worker_.wheel().after(base::kAccessLogDelay));
      },
      this);
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

void WorkerUnit::listen(int descriptor) {
  listeners_.push_back(std::make_unique<net::Listener>(
      worker_, make_acceptor(descriptor), [this] { return admissions_.has_room(); },
      [this](net::StreamPtr stream, const net::Tcp::endpoint& peer) {
        serve(std::move(stream), client_address_of(peer));
      }));
}

void WorkerUnit::start() {
  for (const auto& listener : listeners_) listener->start();
  worker_.start();
}

void WorkerUnit::set_addresses(std::uint32_t slot, const upstream::AddressSetPtr& addresses) {
  transport_.set_addresses(slot, addresses);
  handler_.pool().keep_only(slot, *addresses);
}

void WorkerUnit::drain() {
  for (const auto& listener : listeners_) listener->stop();
  worker_.sessions().drain();
  handler_.close_idle();
}

void WorkerUnit::serve(net::StreamPtr stream, std::string client_address) {
  const bool admitted = admissions_.enter() || worker_.sessions().make_room();
  auto session = admitted ? admit(std::move(stream), std::move(client_address))
                          : admit_if_others_make_room(std::move(stream), std::move(client_address));
  worker_.tasks().spawn(std::move(session), [this] { admissions_.leave(); });
}

net::Awaitable<void> WorkerUnit::admit(net::StreamPtr stream, std::string client_address) {
  recorder_.counters().connections.add();
  return handler_.serve(std::move(stream), std::move(client_address));
}

// The limit is reached, and no connection of this worker idles.
net::Awaitable<void> WorkerUnit::admit_if_others_make_room(net::StreamPtr stream, std::string client_address) {
  const bool room = co_await others_make_room();
  if (room) co_return co_await admit(std::move(stream), std::move(client_address));
  recorder_.counters().connections_turned_away.add();
  co_await handler_.turn_away(std::move(stream), std::move(client_address));
}

// First the workers where somebody idles as far as can be seen from here; then the others, and this one once more: a
// client has its answer a moment before its connection is known to idle.
net::Awaitable<bool> WorkerUnit::others_make_room() {
  net::Pause arrived(worker_.executor(), worker_.wheel());
  const base::Deadline deadline = worker_.wheel().after(base::kMakeRoomTime);
  for (const bool idlers : {true, false}) {
    for (const auto& unit : units_) {
      if (unit.get() == this || (unit->worker().sessions().idle() != 0) != idlers) continue;
      if (co_await makes_room(*unit, arrived, deadline)) co_return true;
      // Who is asked too late lets a connection go for nobody.
      if (worker_.wheel().now() >= deadline) co_return false;
    }
  }
  co_return worker_.sessions().make_room();
}

// Whether that one did, as far as it says so until then.
net::Awaitable<bool> WorkerUnit::makes_room(WorkerUnit& other, net::Pause& arrived, base::Deadline deadline) {
  const auto answer = std::make_shared<Answer>(Answer{.awaited = &arrived});
  other.worker().post([this, &other, answer] {
    const bool room = other.worker().sessions().make_room();
    worker_.post([answer, room] {
      answer->room = room;
      if (answer->awaited != nullptr) answer->awaited->wake();
    });
  });
  arrived.reset();
  co_await arrived.until(deadline);
  answer->awaited = nullptr;
  co_return answer->room;
}

}  // namespace lb::app
