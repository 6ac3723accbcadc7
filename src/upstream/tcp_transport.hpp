// How a worker reaches the backends by TCP. The tests have another one, in memory; what it must offer is in pool.hpp.
#pragma once

#include <algorithm>
#include <array>
#include <memory>
#include <utility>
#include <vector>

#include "base/limits.hpp"
#include "net/connector.hpp"
#include "upstream/address.hpp"
#include "upstream/cluster.hpp"
#include "upstream/endpoint.hpp"

namespace lb::upstream {

// One worker's. It has the sets of addresses that it was told of last, so that reading them needs no lock; whoever
// looks names up posts new ones to each worker.
template <net::Connector C>
class TcpTransport {
 public:
  using Stream = typename C::Stream;

  // The cluster outlives the transport, and is told of addresses that cannot be connected to; null: nobody is.
  explicit TcpTransport(C connector, Cluster* cluster = nullptr)
      : connector_(std::move(connector)), cluster_(cluster) {}

  void set_addresses(std::uint32_t slot, AddressSetPtr addresses) {
    if (slot >= sets_.size()) sets_.resize(slot + 1);
    sets_[slot] = std::move(addresses);
  }

  // All addresses of a name have their turn, one after the other, whichever worker asks. Those that are out have none
  // while others are well, those that could not be connected to none for a while.
  [[nodiscard]] AddressChoice choose(const Endpoint& endpoint, std::uint32_t but_not = 0);

  // Tries the addresses, the chosen one first, each for its share of the time. Errors: those of the last address;
  // resolve_failed if there is none.
  [[nodiscard]] net::Awaitable<base::Result<std::unique_ptr<Stream>>> connect(const Endpoint& endpoint,
                                                                              AddressChoice& choice,
                                                                              base::Deadline deadline);

  [[nodiscard]] const AddressSet* addresses(const Endpoint& endpoint) const noexcept {
    const AddressSet* const set = set_of(endpoint);
    return set != nullptr && set->list.size() > 1 ? set : nullptr;
  }
  [[nodiscard]] bool has(const Endpoint& endpoint, std::uint32_t id) const noexcept {
    const AddressSet* const set = set_of(endpoint);
    return set != nullptr && set->has(id);
  }

 private:
  enum class Rank : std::uint8_t { well, avoided, out };

  [[nodiscard]] const AddressSet* set_of(const Endpoint& endpoint) const noexcept {
    return endpoint.slot() < sets_.size() ? sets_[endpoint.slot()].get() : nullptr;
  }
  [[nodiscard]] static Rank rank_of(const Address& address, base::TimePoint now) noexcept {
    if (address.out.load(std::memory_order_relaxed)) return Rank::out;
    return address.is_avoided(now) ? Rank::avoided : Rank::well;
  }
  [[nodiscard]] std::vector<AddressPtr> order_of(const AddressSet& set, std::uint32_t first) const;

  C connector_;
  Cluster* cluster_;
  std::vector<AddressSetPtr> sets_;  // by slot
};

template <net::Connector C>
AddressChoice TcpTransport<C>::choose(const Endpoint& endpoint, std::uint32_t but_not) {
  if (endpoint.slot() >= sets_.size() || sets_[endpoint.slot()] == nullptr) return {};
  AddressSet& set = *sets_[endpoint.slot()];
  if (set.list.empty()) return {};
  if (set.list.size() == 1) return {set.list.front()->id, nullptr};
  const base::TimePoint now = connector_.wheel().now();
  const std::uint32_t turn = set.turn.fetch_add(1, std::memory_order_relaxed);
  std::array<std::uint8_t, base::kAddressesMax> candidates{};
  for (const Rank rank : {Rank::well, Rank::avoided, Rank::out}) {
    std::size_t count = 0;
    std::size_t failed = candidates.size();
    for (std::size_t i = 0; i < std::min(set.list.size(), candidates.size()); ++i) {
      if (rank_of(*set.list[i], now) != rank) continue;
      if (set.list[i]->id == but_not) failed = count;
      candidates[count++] = static_cast<std::uint8_t>(i);
    }
    if (count == 0) continue;
    if (count > 1 && failed < count) {
      --count;
      for (std::size_t i = failed; i < count; ++i) candidates[i] = candidates[i + 1];
    }
    const AddressPtr& address = set.list[candidates[turn % count]];
    return {address->id, address};
  }
  return {set.list.front()->id, set.list.front()};
}

template <net::Connector C>
net::Awaitable<base::Result<std::unique_ptr<typename C::Stream>>> TcpTransport<C>::connect(const Endpoint& endpoint,
                                                                                           AddressChoice& choice,
                                                                                           base::Deadline deadline) {
  const std::uint32_t slot = endpoint.slot();
  const AddressSetPtr set = slot < sets_.size() ? sets_[slot] : nullptr;  // may be replaced meanwhile
  const std::uint32_t first = std::exchange(choice, AddressChoice{}).id;
  base::Error last{base::ErrorKind::resolve_failed, base::Side::upstream, "the name has no address"};
  if (set == nullptr) co_return last;
  const std::vector<AddressPtr> order = order_of(*set, first);
  const bool several = order.size() > 1;
  for (std::size_t i = 0; i < order.size(); ++i) {
    const base::TimePoint now = connector_.wheel().now();
    if (now >= deadline) {
      co_return base::Error{base::ErrorKind::connect_timeout, base::Side::upstream, "connect timed out"};
    }
    const auto share = (deadline - now) / static_cast<std::int64_t>(order.size() - i);
    auto stream = co_await connector_.connect(order[i]->where, now + share);
    if (stream) {
      choice = {order[i]->id, several ? order[i] : nullptr};
      co_return std::move(stream);
    }
    last = stream.error();
    // What we lack says nothing against an address; another one may well have a port left.
    if (last.kind == base::ErrorKind::no_resources || !several) continue;
    order[i]->avoid_until(connector_.wheel().now() + base::kAddressAvoided);
    // That none can be reached is the endpoint's failure, and for the caller to tell.
    if (cluster_ != nullptr) cluster_->record_failure(endpoint, *order[i], last.detail);
  }
  co_return last;
}

// The chosen one, then the others, the best first.
template <net::Connector C>
std::vector<AddressPtr> TcpTransport<C>::order_of(const AddressSet& set, std::uint32_t first) const {
  std::vector<AddressPtr> order = set.list;
  const base::TimePoint now = connector_.wheel().now();
  std::ranges::stable_sort(order, {}, [&](const AddressPtr& address) {
    return address->id == first ? -1 : static_cast<int>(rank_of(*address, now));
  });
  return order;
}

}  // namespace lb::upstream
