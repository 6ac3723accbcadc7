// Looks up the addresses of backends without blocking a worker.
#pragma once

#include <atomic>
#include <string>

#include <boost/asio/thread_pool.hpp>

#include "net/connector.hpp"

namespace lb::upstream {

// Runs getaddrinfo() on a few threads of its own, so that one name server that does not answer holds up neither a
// worker nor the other names.
class Resolver {
 public:
  Resolver();
  // Waits for lookups under way, which nothing can interrupt; see pending().
  ~Resolver();
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  // The addresses of `host` (a name, or an address, which is taken as it is), at most kAddressesMax of them; none when
  // the lookup fails or the deadline passes. Called and resumed on the executor's thread, where the wheel lives.
  [[nodiscard]] net::Awaitable<net::Addresses> resolve(net::Executor executor, net::DeadlineWheel& wheel,
                                                       std::string host, std::uint16_t port, base::Deadline deadline);

  // Lookups that still run, overdue ones included. A process that ends should not wait for them. Any thread.
  [[nodiscard]] std::size_t pending() const noexcept { return pending_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::size_t> pending_{0};
  net::asio::thread_pool threads_;
};

}  // namespace lb::upstream
