#include "upstream/tcp_transport.hpp"

#include <algorithm>

#include "base/limits.hpp"

namespace lb::upstream {

void TcpTransport::set_addresses(std::uint32_t slot, net::Addresses addresses) {
  if (slot >= targets_.size()) targets_.resize(slot + 1);
  Target& target = targets_[slot];
  target.avoided_until.assign(addresses.size(), {});
  target.addresses = std::move(addresses);
  target.next = 0;
}

net::Awaitable<base::Result<std::unique_ptr<net::TcpStream>>> TcpTransport::connect(const Endpoint& endpoint,
                                                                                    base::Deadline deadline) {
  const std::uint32_t slot = endpoint.slot();
  net::Addresses order;
  if (slot < targets_.size() && !targets_[slot].addresses.empty()) {
    Target& target = targets_[slot];
    const std::size_t count = target.addresses.size();
    const base::TimePoint now = wheel_.now();
    for (const bool avoided : {false, true}) {
      for (std::size_t i = 0; i < count; ++i) {
        const std::size_t at = (target.next + i) % count;
        if ((target.avoided_until[at] > now) == avoided) order.push_back(target.addresses[at]);
      }
    }
    target.next = (target.next + 1) % count;
  }
  std::size_t failed = 0;
  auto stream = co_await net::connect_tcp(executor_, wheel_, order, deadline, &failed);
  if (failed > 0) avoid(slot, order, failed);
  co_return std::move(stream);
}

// The first `failed` of those that were tried. The list may have been replaced meanwhile.
void TcpTransport::avoid(std::uint32_t slot, const net::Addresses& tried, std::size_t failed) {
  Target& target = targets_[slot];
  for (std::size_t i = 0; i < failed; ++i) {
    const auto found = std::ranges::find(target.addresses, tried[i]);
    if (found == target.addresses.end()) continue;
    target.avoided_until[static_cast<std::size_t>(found - target.addresses.begin())] =
        wheel_.after(base::kAddressAvoided);
  }
}

}  // namespace lb::upstream
