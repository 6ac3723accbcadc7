// How a worker reaches the backends by TCP. The tests have another one, in memory; what it must offer is in pool.hpp.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "net/connector.hpp"
#include "upstream/endpoint.hpp"

namespace lb::upstream {

// One worker's. The addresses are this worker's own copy, so that reading them needs no lock; whoever looks names up
// posts new ones to each worker.
class TcpTransport {
 public:
  using Stream = net::TcpStream;

  TcpTransport(net::Executor executor, net::DeadlineWheel& wheel) : executor_(std::move(executor)), wheel_(wheel) {}

  void set_addresses(std::uint32_t slot, net::Addresses addresses);

  // All addresses of a name are used in turn; one that failed comes last for a while. Errors: as connect_tcp().
  [[nodiscard]] net::Awaitable<base::Result<std::unique_ptr<Stream>>> connect(const Endpoint& endpoint,
                                                                              base::Deadline deadline);

 private:
  struct Target {
    net::Addresses addresses;
    std::vector<base::TimePoint> avoided_until;  // beside the addresses
    std::size_t next = 0;
  };

  void avoid(std::uint32_t slot, const net::Addresses& tried, std::size_t failed);

  net::Executor executor_;
  net::DeadlineWheel& wheel_;
  std::vector<Target> targets_;  // by slot
};

}  // namespace lb::upstream
