#include "upstream/tcp_transport.hpp"

#include <algorithm>
#include <array>

#include "base/limits.hpp"

namespace lb::upstream {

AddressChoice Transport::choose(const Endpoint& /*endpoint*/, std::uint32_t /*but_not*/) {
  return {};
}

const AddressSet* Transport::addresses(const Endpoint& /*endpoint*/) const noexcept {
  return nullptr;
}

bool Transport::has(const Endpoint& /*endpoint*/, std::uint32_t /*id*/) const noexcept {
  return true;
}

AddressChoice TcpTransport::choose(const Endpoint& endpoint, std::uint32_t but_not) {
  if (endpoint.slot() >= sets_.size() || sets_[endpoint.slot()] == nullptr) return {};
  AddressSet& set = *sets_[endpoint.slot()];
  if (set.list.empty()) return {};
  const std::uint32_t generation = generation_of(endpoint.slot());
  if (set.list.size() == 1) return {set.list.front()->id, nullptr, generation};
  const base::TimePoint now = connector_->wheel().now();
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
    return {address->id, address, generation};
  }
  return {set.list.front()->id, set.list.front(), generation};
}

net::Awaitable<base::Result<net::StreamPtr>> TcpTransport::connect(const Endpoint& endpoint, AddressChoice& choice,
                                                                   base::Deadline deadline, std::string_view preface) {
  const std::uint32_t slot = endpoint.slot();
  const AddressSetPtr set = slot < sets_.size() ? sets_[slot] : nullptr;  // may be replaced meanwhile
  const std::uint32_t first = std::exchange(choice, AddressChoice{}).id;
  base::Error last{base::ErrorKind::resolve_failed, base::Side::upstream, "the name has no address"};
  if (set == nullptr) co_return last;
  const std::uint32_t generation = generation_of(slot);
  const std::shared_ptr<net::Connector> own = connector_of(slot);  // may be replaced meanwhile
  net::Connector& connector = own ? *own : *connector_;
  const std::vector<AddressPtr> order = order_of(*set, first);
  const bool several = order.size() > 1;
  for (std::size_t i = 0; i < order.size(); ++i) {
    const base::TimePoint now = connector_->wheel().now();
    if (now >= deadline) {
      co_return base::Error{base::ErrorKind::connect_timeout, base::Side::upstream, "connect timed out"};
    }
    const auto share = (deadline - now) / static_cast<std::int64_t>(order.size() - i);
    auto stream = co_await connector.connect(order[i]->where, now + share, preface);
    if (stream) {
      choice = {order[i]->id, several ? order[i] : nullptr, generation};
      co_return std::move(stream);
    }
    last = stream.error();
    // What we lack says nothing against an address; another one may well have a port left.
    if (last.kind == base::ErrorKind::no_resources || !several) continue;
    order[i]->avoid_until(connector_->wheel().now() + base::kAddressAvoided);
    // That none can be reached is the endpoint's failure, and for the caller to tell.
    if (health_ != nullptr) health_->record_failure(endpoint, *order[i], last.detail);
  }
  co_return last;
}

// The chosen one, then the others, the best first.
std::vector<AddressPtr> TcpTransport::order_of(const AddressSet& set, std::uint32_t first) const {
  std::vector<AddressPtr> order = set.list;
  const base::TimePoint now = connector_->wheel().now();
  std::ranges::stable_sort(order, {}, [&](const AddressPtr& address) {
    return address->id == first ? -1 : static_cast<int>(rank_of(*address, now));
  });
  return order;
}

}  // namespace lb::upstream
