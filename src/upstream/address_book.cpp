#include "upstream/address_book.hpp"

#include <algorithm>
#include <utility>

#include "base/limits.hpp"

namespace lb::upstream {

AddressBook::AddressBook(net::Executor executor, net::DeadlineWheel& wheel, net::TaskGroup& tasks, Resolver& resolver,
                         OnChange on_change)
    : executor_(std::move(executor)),
      wheel_(wheel),
      tasks_(tasks),
      resolver_(resolver),
      on_change_(std::move(on_change)) {}

AddressBook::Entry& AddressBook::entry_of(const std::shared_ptr<Endpoint>& endpoint) {
  if (endpoint->slot() >= entries_.size()) entries_.resize(endpoint->slot() + 1);
  Entry& entry = entries_[endpoint->slot()];
  if (entry.endpoint.lock() != endpoint) {
    // The slot was another endpoint's. Nobody may be sent to where that was.
    const bool had_addresses = !entry.addresses.empty();
    entry = {endpoint, {}, {}};
    if (had_addresses) on_change_(endpoint->slot(), entry.addresses);
  }
  return entry;
}

net::Awaitable<net::Addresses> AddressBook::look_up(std::shared_ptr<Endpoint> endpoint, base::Deadline deadline) {
  // With addresses from before, a name server that says nothing leaves half of the time for using them.
  if (!entry_of(endpoint).addresses.empty()) deadline = wheel_.now() + (deadline - wheel_.now()) / 2;
  net::Addresses found = co_await resolver_.resolve(executor_, wheel_, endpoint->host(), endpoint->port(), deadline);
  // Name servers hand out the same addresses in another order each time.
  std::ranges::sort(found);
  Entry& entry = entry_of(endpoint);
  if (!found.empty() && found != entry.addresses) {
    entry.addresses = std::move(found);
    on_change_(endpoint->slot(), entry.addresses);
  }
  co_return entry.addresses;
}

void AddressBook::refresh(const std::shared_ptr<Endpoint>& endpoint) {
  Entry& entry = entry_of(endpoint);
  if (wheel_.now() - entry.refreshed < base::kRefreshEvery) return;
  entry.refreshed = wheel_.now();
  tasks_.spawn(refresh_one(endpoint));
}

net::Awaitable<void> AddressBook::refresh_one(std::shared_ptr<Endpoint> endpoint) {
  static_cast<void>(co_await look_up(std::move(endpoint), wheel_.after(base::kResolveTime)));
}

}  // namespace lb::upstream
