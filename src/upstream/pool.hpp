// Idle connections to the backends, kept for the next request. One pool for each worker.
#pragma once

#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "base/limits.hpp"
#include "http1/client_connection.hpp"
#include "upstream/address.hpp"
#include "upstream/endpoint.hpp"

namespace lb::upstream {

struct PoolSettings {
  std::size_t idle_connections_max = 0;  // for each endpoint
  base::Duration idle_timeout{};

  friend bool operator==(const PoolSettings&, const PoolSettings&) = default;
};

// How hard to look whether an idle connection is still good: a request that cannot be repeated is worth a system call.
enum class Look : std::uint8_t { noticed, at_the_socket };

class Pool {
 public:
  using Connection = http1::ClientConnection;

  explicit Pool(net::DeadlineWheel& wheel)
      : wheel_(wheel), sweep_(wheel, net::DeadlineWheel::Fire::to<&Pool::sweep>(*this)) {}

  // The connection to the address that idled last, or none. The backend has neither closed it nor said anything on it,
  // as far as was looked. It may still be closed while the request is on its way.
  [[nodiscard]] std::unique_ptr<Connection> take(const Endpoint& endpoint, Look look = Look::at_the_socket,
                                                 std::uint32_t address = 0);

  // Keeps a connection whose exchange has ended well (Reuse::at_once), by these settings of its service.
  void put(const Endpoint& endpoint, std::unique_ptr<Connection> connection, std::uint32_t address,
           const PoolSettings& settings);

  // Those that idle there already are kept no longer than these settings say.
  void configure(const Endpoint& endpoint, const PoolSettings& settings) noexcept;

  // Closes the idle connections to an endpoint.
  void drop_idle(const Endpoint& endpoint) noexcept;

  // Closes those to addresses that the endpoint of this slot has not any more.
  void keep_only(std::uint32_t slot, const AddressSet& addresses) noexcept;

  // Closes all idle connections.
  void drop_idle() noexcept;

  // The same, and keeps none from now on.
  void close() noexcept;

  [[nodiscard]] std::size_t idle_count(const Endpoint& endpoint) const noexcept;

 private:
  struct Idle {
    std::unique_ptr<Connection> connection;
    base::Deadline until;
  };

  struct Shelf {
    std::uint32_t address;
    std::vector<Idle> idle;
  };

  // A shelf for each address that has had a connection: nearly always one.
  std::vector<Idle>& idle_of(std::uint32_t slot, std::uint32_t address);

  // The oldest stand in front. One timer for all, armed while any idles, for when the first of them may be due.
  void sweep() noexcept;

  net::DeadlineWheel& wheel_;
  std::vector<std::vector<Shelf>> shelves_;  // by slot
  net::DeadlineWheel::Entry sweep_;
  base::Deadline sweep_at_ = base::kNever;
  bool closed_ = false;
};

}  // namespace lb::upstream
