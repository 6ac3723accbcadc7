#include "upstream/resolver_cache.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "base/limits.hpp"
#include "base/log.hpp"

namespace lb::upstream {

ResolverCache::ResolverCache(net::Executor executor, net::DeadlineWheel& wheel, Resolver& resolver, OnChange on_change)
    : executor_(std::move(executor)), wheel_(wheel), resolver_(resolver), on_change_(std::move(on_change)) {}

ResolverCache::Entry& ResolverCache::entry_of(const std::shared_ptr<Endpoint>& endpoint) {
  if (endpoint->slot() >= entries_.size()) entries_.resize(endpoint->slot() + 1);
  std::unique_ptr<Entry>& entry = entries_[endpoint->slot()];
  if (entry && entry->endpoint.lock() == endpoint) return *entry;
  // The slot may have been another endpoint's, which nobody refers to now. Nobody may be sent to where that was.
  const bool had_addresses = entry && !entry->addresses->list.empty();
  entry = std::make_unique<Entry>(*this, endpoint);
  if (had_addresses) on_change_(endpoint->slot(), entry->addresses);
  boost::system::error_code no_address;
  const auto address = net::asio::ip::make_address(endpoint->host(), no_address);
  if (!no_address) {
    entry->is_address = true;
    entry->known[address.is_v6() ? 1 : 0] = {address};
    publish(*entry, *endpoint);
  }
  return *entry;
}

net::Awaitable<AddressSetPtr> ResolverCache::look_up(std::shared_ptr<Endpoint> endpoint, base::Deadline deadline,
                                                     Ask how) {
  Entry& entry = entry_of(endpoint);  // stays while the endpoint lives, which this frame sees to
  const bool known = !entry.addresses->list.empty();
  if (entry.is_address || (known && how == Ask::if_unknown)) co_return entry.addresses;
  // With addresses from before, a name server that says nothing leaves half of the time for using them.
  if (known) deadline = wheel_.now() + (deadline - wheel_.now()) / 2;
  ask(entry, *endpoint);
  net::Pause pause(executor_, wheel_);
  entry.waiting.push_back(&pause);
  while (entry.asking && wheel_.now() < deadline) co_await pause.until(deadline);
  std::erase(entry.waiting, &pause);
  co_return entry.addresses;
}

void ResolverCache::refresh(const std::shared_ptr<Endpoint>& endpoint) {
  Entry& entry = entry_of(endpoint);
  if (entry.is_address || wheel_.now() - entry.refreshed < base::kRefreshEvery) return;
  entry.refreshed = wheel_.now();
  ask(entry, *endpoint);
}

void ResolverCache::Entry::on_time() noexcept {
  const auto its_endpoint = endpoint.lock();
  if (its_endpoint && !its_endpoint->is_removed()) cache.ask(*this, *its_endpoint);
}

void ResolverCache::ask(Entry& entry, const Endpoint& endpoint) {
  if (std::exchange(entry.asking, true)) return;
  entry.timer.disarm();
  resolver_.look_up(endpoint.host(), [this, slot = endpoint.slot(), asked = entry.endpoint](const Answer& answer) {
    const auto whose = asked.lock();
    if (!whose || entries_[slot]->endpoint.lock() != whose) return;  // gone meanwhile
    on_answer(*entries_[slot], *whose, answer);
  });
}

void ResolverCache::on_answer(Entry& entry, const Endpoint& endpoint, const Answer& answer) {
  entry.asking = false;
  entry.timer.arm(wheel_.after(time_until_next(entry, endpoint, answer)));
  if (answer.found()) {
    // A family that nobody said anything about is where it was.
    if (answer.v4.answered) entry.known[0] = answer.v4.addresses;
    if (answer.v6.answered) entry.known[1] = answer.v6.addresses;
    publish(entry, endpoint);
  }
  for (net::Pause* waiting : entry.waiting) waiting->wake();
}

// Says so when a name begins to fail, or is well again.
base::Duration ResolverCache::time_until_next(Entry& entry, const Endpoint& endpoint, const Answer& answer) const {
  if (answer.found()) {
    if (entry.failures > 0) base::log(base::LogLevel::info, "the name " + endpoint.host() + " is found again");
    entry.failures = 0;
    return std::clamp(answer.ttl, base::kAddressTimeMin, base::kAddressTimeMax);
  }
  if (entry.failures++ == 0) {
    const bool known = !entry.addresses->list.empty();
    base::log(base::LogLevel::warning, "looking up " + endpoint.host() + " failed: " + std::string(answer.problem) +
                                           (known ? "; its addresses stay what they were" : ""));
  }
  return std::min(base::kAddressTimeMin * (1 << std::min(entry.failures - 1, 8U)), base::kLookupPauseMax);
}

// Tells of the addresses, if they are not what they were. Those that stay keep their health.
void ResolverCache::publish(Entry& entry, const Endpoint& endpoint) {
  net::Addresses places;
  for (const auto& family : entry.known) {
    for (const auto& address : family) places.emplace_back(address, endpoint.port());
  }
  // Name servers hand out the same addresses in another order each time.
  std::ranges::sort(places);
  if (places.size() > base::kAddressesMax) places.resize(base::kAddressesMax);
  const std::vector<AddressPtr>& before = entry.addresses->list;
  if (std::ranges::equal(before, places, {}, [](const AddressPtr& address) { return address->where; })) return;
  auto set = std::make_shared<AddressSet>();
  for (const auto& place : places) {
    const auto same = std::ranges::find_if(before, [&](const AddressPtr& address) { return address->where == place; });
    set->list.push_back(same != before.end() ? *same : std::make_shared<Address>(++last_id_, place));
  }
  entry.addresses = std::move(set);
  on_change_(endpoint.slot(), entry.addresses);
}

}  // namespace lb::upstream
