// How a worker reaches the backends by TCP. The tests have another one, in memory; what it must offer is in pool.hpp.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "net/connector.hpp"

namespace lb::upstream {

// One worker's. The addresses are this worker's own copy, so that reading them needs no lock; whoever looks names up
// posts new ones to each worker.
class TcpTransport {
 public:
  using Stream = net::TcpStream;

  TcpTransport(net::Executor executor, net::DeadlineWheel& wheel, std::size_t endpoints)
      : executor_(std::move(executor)), wheel_(wheel), addresses_(endpoints) {}

  void set_addresses(std::size_t index, net::Addresses addresses) { addresses_[index] = std::move(addresses); }

  // Errors: as connect_tcp().
  [[nodiscard]] net::Awaitable<base::Result<std::unique_ptr<Stream>>> connect(std::size_t index,
                                                                              base::Deadline deadline) {
    return net::connect_tcp(executor_, wheel_, addresses_[index], deadline);
  }

 private:
  net::Executor executor_;
  net::DeadlineWheel& wheel_;
  std::vector<net::Addresses> addresses_;
};

}  // namespace lb::upstream
