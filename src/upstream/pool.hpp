// Idle connections to the backends, kept for the next request. One pool for each worker.
#pragma once

#include <concepts>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "base/limits.hpp"
#include "http1/client_connection.hpp"
#include "upstream/address.hpp"
#include "upstream/endpoint.hpp"

namespace lb::upstream {

// Makes connections, and says to which of an endpoint's addresses.
template <class T>
concept Transport = net::Stream<typename T::Stream> &&
                    requires(T transport, const Endpoint& endpoint, base::Deadline deadline, AddressChoice& choice) {
                      // Whose turn it is, but for the one with this id as long as there are others.
                      { transport.choose(endpoint, std::uint32_t{}) } -> std::same_as<AddressChoice>;
                      // To the chosen address; should that fail, to the others: `choice` becomes what was reached, or
                      // none.
                      {
                        transport.connect(endpoint, choice, deadline)
                      } -> std::same_as<net::Awaitable<base::Result<std::unique_ptr<typename T::Stream>>>>;
                      // All of them now; null if the endpoint has less than two.
                      { transport.addresses(endpoint) } -> std::same_as<const AddressSet*>;
                      // Whether connections to the address are still worth keeping.
                      { transport.has(endpoint, std::uint32_t{}) } -> std::same_as<bool>;
                    };

// Of transports whose endpoints are no names.
struct NoAddresses {
  [[nodiscard]] static AddressChoice choose(const Endpoint& /*endpoint*/, std::uint32_t /*but_not*/) { return {}; }
  [[nodiscard]] static const AddressSet* addresses(const Endpoint& /*endpoint*/) noexcept { return nullptr; }
  [[nodiscard]] static bool has(const Endpoint& /*endpoint*/, std::uint32_t /*id*/) noexcept { return true; }
};

struct PoolSettings {
  std::size_t idle_connections_max = 0;  // for each endpoint
  base::Duration idle_timeout{};
};

// How hard to look whether an idle connection is still good: a request that cannot be repeated is worth a system call.
enum class Look : std::uint8_t { noticed, at_the_socket };

template <net::Stream S>
class Pool {
 public:
  using Connection = http1::ClientConnection<S>;

  // The settings may change while the pool is used.
  Pool(net::DeadlineWheel& wheel, const PoolSettings& settings)
      : wheel_(wheel), settings_(settings), sweep_(wheel, &Pool::sweep_due, this) {}

  // The connection to the address that idled last, or none. The backend has neither closed it nor said anything on it,
  // as far as was looked. It may still be closed while the request is on its way.
  [[nodiscard]] std::unique_ptr<Connection> take(const Endpoint& endpoint, Look look = Look::at_the_socket,
                                                 std::uint32_t address = 0) {
    auto& idle = idle_of(endpoint.slot(), address);
    while (!idle.empty()) {
      Idle candidate = std::move(idle.back());
      idle.pop_back();
      // Bytes that nobody asked for (a 408, say) must not become the answer to the next request.
      auto& stream = candidate.connection->stream();
      const bool usable = wheel_.now() - candidate.since < settings_.idle_timeout &&
                          (look == Look::noticed ? stream.noticed() : stream.probe()) == net::Probe::quiet;
      if (usable) return std::move(candidate.connection);
    }
    return nullptr;
  }

  // Keeps a connection whose exchange has ended well (Reuse::at_once).
  void put(const Endpoint& endpoint, std::unique_ptr<Connection> connection, std::uint32_t address = 0) {
    auto& idle = idle_of(endpoint.slot(), address);
    if (closed_ || endpoint.is_removed() || endpoint.is_disabled() ||
        idle_count(endpoint) >= settings_.idle_connections_max)
      return;  // closes it
    connection->rest();
    connection->stream().read_ahead();
    idle.push_back({std::move(connection), wheel_.now()});
    if (!sweeping_) {
      sweeping_ = true;
      sweep_.arm(wheel_.after(settings_.idle_timeout));
    }
  }

  // Closes the idle connections to an endpoint.
  void drop_idle(const Endpoint& endpoint) noexcept {
    if (endpoint.slot() < shelves_.size()) shelves_[endpoint.slot()].clear();
  }

  // Closes those to addresses that the endpoint of this slot has not any more.
  void keep_only(std::uint32_t slot, const AddressSet& addresses) noexcept {
    if (slot >= shelves_.size()) return;
    std::erase_if(shelves_[slot], [&](const Shelf& shelf) { return !addresses.has(shelf.address); });
  }

  // Closes all idle connections.
  void drop_idle() noexcept {
    for (auto& shelves : shelves_) shelves.clear();
  }

  // The same, and keeps none from now on.
  void close() noexcept {
    closed_ = true;
    drop_idle();
  }

  [[nodiscard]] std::size_t idle_count(const Endpoint& endpoint) const noexcept {
    std::size_t count = 0;
    if (endpoint.slot() >= shelves_.size()) return count;
    for (const Shelf& shelf : shelves_[endpoint.slot()]) count += shelf.idle.size();
    return count;
  }

 private:
  struct Idle {
    std::unique_ptr<Connection> connection;
    base::TimePoint since;
  };

  struct Shelf {
    std::uint32_t address;
    std::vector<Idle> idle;
  };

  // A shelf for each address that has had a connection: nearly always one.
  std::vector<Idle>& idle_of(std::uint32_t slot, std::uint32_t address) {
    if (slot >= shelves_.size()) shelves_.resize(slot + 1);
    std::vector<Shelf>& shelves = shelves_[slot];
    for (Shelf& shelf : shelves) {
      if (shelf.address == address) return shelf.idle;
    }
    return shelves.emplace_back(Shelf{address, {}}).idle;
  }

  static void sweep_due(void* self) noexcept { static_cast<Pool*>(self)->sweep(); }

  // The oldest stand in front. One timer for all, armed while any idles.
  void sweep() noexcept {
    sweeping_ = false;
    const base::TimePoint oldest = wheel_.now() - settings_.idle_timeout;
    for (auto& shelves : shelves_) {
      for (auto& [address, idle] : shelves) {
        std::size_t expired = 0;
        while (expired < idle.size() && idle[expired].since <= oldest) ++expired;
        idle.erase(idle.begin(), idle.begin() + static_cast<std::ptrdiff_t>(expired));
        sweeping_ = sweeping_ || !idle.empty();
      }
    }
    if (sweeping_) sweep_.arm(wheel_.after(settings_.idle_timeout / 2));
  }

  net::DeadlineWheel& wheel_;
  const PoolSettings& settings_;
  std::vector<std::vector<Shelf>> shelves_;  // by slot
  net::DeadlineWheel::Entry sweep_;
  bool sweeping_ = false;
  bool closed_ = false;
};

}  // namespace lb::upstream
