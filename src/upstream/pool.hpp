// Idle connections to the backends, kept for the next request. One pool for each worker.
#pragma once

#include <concepts>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "base/limits.hpp"
#include "http1/client_connection.hpp"

namespace lb::upstream {

// Makes connections. connect(index, deadline) reaches the endpoint with that index in the cluster.
template <class T>
concept Transport =
    net::Stream<typename T::Stream> && requires(T transport, std::size_t index, base::Deadline deadline) {
      {
        transport.connect(index, deadline)
      } -> std::same_as<net::Awaitable<base::Result<std::unique_ptr<typename T::Stream>>>>;
    };

struct PoolSettings {
  std::size_t idle_connections_max = 0;  // for each endpoint
  base::Duration idle_timeout{};
};

template <net::Stream S>
class Pool {
 public:
  using Connection = http1::ClientConnection<S>;

  Pool(net::DeadlineWheel& wheel, std::size_t endpoints, PoolSettings settings)
      : wheel_(wheel), settings_(settings), idle_(endpoints), sweep_(wheel, &Pool::sweep_due, this) {}

  // The connection that idled last, or none. It was looked at: the backend has neither closed it nor said anything on
  // it. It may still be closed while the request is on its way.
  [[nodiscard]] std::unique_ptr<Connection> take(std::size_t index) {
    auto& idle = idle_[index];
    while (!idle.empty()) {
      Idle candidate = std::move(idle.back());
      idle.pop_back();
      // Bytes that nobody asked for (a 408, say) must not become the answer to the next request.
      const bool usable = wheel_.now() - candidate.since < settings_.idle_timeout &&
                          candidate.connection->stream().probe() == net::Probe::quiet;
      if (usable) return std::move(candidate.connection);
    }
    return nullptr;
  }

  // Keeps a connection whose exchange has ended well (reusable()).
  void put(std::size_t index, std::unique_ptr<Connection> connection) {
    auto& idle = idle_[index];
    if (closed_ || idle.size() >= settings_.idle_connections_max) return;  // closes it
    connection->rest();
    idle.push_back({std::move(connection), wheel_.now()});
    if (!sweeping_) {
      sweeping_ = true;
      sweep_.arm(wheel_.after(settings_.idle_timeout));
    }
  }

  // Closes all idle connections.
  void drop_idle() noexcept {
    for (auto& idle : idle_) idle.clear();
  }

  // The same, and keeps none from now on.
  void close() noexcept {
    closed_ = true;
    drop_idle();
  }

  [[nodiscard]] std::size_t idle_count(std::size_t index) const noexcept { return idle_[index].size(); }

 private:
  struct Idle {
    std::unique_ptr<Connection> connection;
    base::TimePoint since;
  };

  static void sweep_due(void* self) noexcept { static_cast<Pool*>(self)->sweep(); }

  // The oldest stand in front. One timer for all, armed while any idles.
  void sweep() noexcept {
    sweeping_ = false;
    const base::TimePoint oldest = wheel_.now() - settings_.idle_timeout;
    for (auto& idle : idle_) {
      std::size_t expired = 0;
      while (expired < idle.size() && idle[expired].since <= oldest) ++expired;
      idle.erase(idle.begin(), idle.begin() + static_cast<std::ptrdiff_t>(expired));
      sweeping_ = sweeping_ || !idle.empty();
    }
    if (sweeping_) sweep_.arm(wheel_.after(settings_.idle_timeout / 2));
  }

  net::DeadlineWheel& wheel_;
  PoolSettings settings_;
  std::vector<std::vector<Idle>> idle_;
  net::DeadlineWheel::Entry sweep_;
  bool sweeping_ = false;
  bool closed_ = false;
};

}  // namespace lb::upstream
