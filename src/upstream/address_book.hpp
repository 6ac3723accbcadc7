// Where the backends are: looks their names up, again and again, and tells whoever connects to them.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "net/connector.hpp"
#include "net/task_group.hpp"
#include "upstream/endpoint.hpp"
#include "upstream/resolver.hpp"

namespace lb::upstream {

// One thread: that of the executor.
class AddressBook {
 public:
  // Called when an endpoint's addresses were looked up and are not what they were.
  using OnChange = std::function<void(std::uint32_t slot, const net::Addresses& addresses)>;

  // All of these outlive the book, and the tasks that it has spawned.
  AddressBook(net::Executor executor, net::DeadlineWheel& wheel, net::TaskGroup& tasks, Resolver& resolver,
              OnChange on_change);

  // Looks the endpoint's name up. Returns its addresses at the deadline at the latest: the ones from before if the
  // lookup fails, for name servers fail more often than backends move; none if there never were any.
  [[nodiscard]] net::Awaitable<net::Addresses> look_up(std::shared_ptr<Endpoint> endpoint, base::Deadline deadline);

  // Looks it up again, soon: connecting to it has failed. At most once a second for each endpoint.
  void refresh(const std::shared_ptr<Endpoint>& endpoint);

 private:
  struct Entry {
    std::weak_ptr<const Endpoint> endpoint;  // whose addresses these are: a slot is used again
    net::Addresses addresses;
    base::TimePoint refreshed{};  // when refresh() last did something
  };

  Entry& entry_of(const std::shared_ptr<Endpoint>& endpoint);
  net::Awaitable<void> refresh_one(std::shared_ptr<Endpoint> endpoint);

  net::Executor executor_;
  net::DeadlineWheel& wheel_;
  net::TaskGroup& tasks_;
  Resolver& resolver_;
  OnChange on_change_;
  std::vector<Entry> entries_;  // by slot
};

}  // namespace lb::upstream
