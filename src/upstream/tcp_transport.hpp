// How a worker reaches the backends by TCP. The tests have another one, in memory; what it must offer is in pool.hpp.
#pragma once

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "base/limits.hpp"
#include "net/connector.hpp"
#include "upstream/endpoint.hpp"

namespace lb::upstream {

// One worker's. The addresses are this worker's own copy, so that reading them needs no lock; whoever looks names up
// posts new ones to each worker.
template <net::Connector C>
class TcpTransport {
 public:
  using Stream = typename C::Stream;

  explicit TcpTransport(C connector) : connector_(std::move(connector)) {}

  void set_addresses(std::uint32_t slot, net::Addresses addresses);

  // All addresses of a name are used in turn; one that failed comes last for a while. Errors: as
  // net::connect_in_turn().
  [[nodiscard]] net::Awaitable<base::Result<std::unique_ptr<Stream>>> connect(const Endpoint& endpoint,
                                                                              base::Deadline deadline);

 private:
  struct Target {
    net::Addresses addresses;
    std::vector<base::TimePoint> avoided_until;  // beside the addresses
    std::size_t next = 0;
  };

  [[nodiscard]] net::Addresses in_turn(std::uint32_t slot);
  void avoid(std::uint32_t slot, const net::Addresses& tried, std::size_t failed);

  C connector_;
  std::vector<Target> targets_;  // by slot
};

template <net::Connector C>
void TcpTransport<C>::set_addresses(std::uint32_t slot, net::Addresses addresses) {
  if (slot >= targets_.size()) targets_.resize(slot + 1);
  Target& target = targets_[slot];
  target.avoided_until.assign(addresses.size(), {});
  target.addresses = std::move(addresses);
  target.next = 0;
}

template <net::Connector C>
net::Awaitable<base::Result<std::unique_ptr<typename C::Stream>>> TcpTransport<C>::connect(const Endpoint& endpoint,
                                                                                           base::Deadline deadline) {
  const std::uint32_t slot = endpoint.slot();
  const net::Addresses order = in_turn(slot);
  std::size_t failed = 0;
  auto stream = co_await net::connect_in_turn(connector_, order, deadline, &failed);
  if (failed > 0) avoid(slot, order, failed);
  co_return std::move(stream);
}

template <net::Connector C>
net::Addresses TcpTransport<C>::in_turn(std::uint32_t slot) {
  net::Addresses order;
  if (slot >= targets_.size() || targets_[slot].addresses.empty()) return order;
  Target& target = targets_[slot];
  const std::size_t count = target.addresses.size();
  const base::TimePoint now = connector_.wheel().now();
  for (const bool avoided : {false, true}) {
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t at = (target.next + i) % count;
      if ((target.avoided_until[at] > now) == avoided) order.push_back(target.addresses[at]);
    }
  }
  target.next = (target.next + 1) % count;
  return order;
}

// The first `failed` of those that were tried. The list may have been replaced meanwhile.
template <net::Connector C>
void TcpTransport<C>::avoid(std::uint32_t slot, const net::Addresses& tried, std::size_t failed) {
  Target& target = targets_[slot];
  for (std::size_t i = 0; i < failed; ++i) {
    const auto found = std::ranges::find(target.addresses, tried[i]);
    if (found == target.addresses.end()) continue;
    target.avoided_until[static_cast<std::size_t>(found - target.addresses.begin())] =
        connector_.wheel().after(base::kAddressAvoided);
  }
}

}  // namespace lb::upstream
