// Where the backends are: looks their names up, again and again, and tells whoever connects to them.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <vector>

#include "net/pause.hpp"
#include "upstream/address.hpp"
#include "upstream/endpoint.hpp"
#include "upstream/resolver.hpp"

namespace lb::upstream {

// One thread: that of the executor. What is known of a name is looked up again when its time is over, and kept while
// nobody says anything better: name servers fail more often than backends move.
class ResolverCache {
 public:
  // Called when an endpoint's addresses are not what they were. There is a set, which may be empty.
  using OnChange = std::function<void(std::uint32_t slot, const AddressSetPtr& addresses)>;
  enum class Ask : std::uint8_t {
    if_unknown,  // what is known will do
    again,       // it may have moved
  };

  // All of these outlive the cache.
  ResolverCache(net::Executor executor, net::DeadlineWheel& wheel, Resolver& resolver, OnChange on_change);

  // The endpoint's addresses; it is followed from now on, until it is removed. Returns at the deadline at the latest,
  // with the addresses from before if there is no answer then; an empty set if there never were any.
  [[nodiscard]] net::Awaitable<AddressSetPtr> look_up(std::shared_ptr<Endpoint> endpoint, base::Deadline deadline,
                                                      Ask ask = Ask::again);

  // Looks it up again, soon: connecting to it has failed. At most once a second for each endpoint.
  void refresh(const std::shared_ptr<Endpoint>& endpoint);

 private:
  struct Entry {
    Entry(ResolverCache& its_cache, const std::shared_ptr<Endpoint>& whose)
        : cache(its_cache),
          endpoint(whose),
          timer(its_cache.wheel_, net::DeadlineWheel::Fire::to<&Entry::on_time>(*this)) {}
    void on_time() noexcept;

    ResolverCache& cache;
    std::weak_ptr<Endpoint> endpoint;                          // whose addresses these are: a slot is used again
    std::array<std::vector<net::asio::ip::address>, 2> known;  // of each family, by the last good answer
    AddressSetPtr addresses = std::make_shared<AddressSet>();
    bool is_address = false;  // and no name
    bool asking = false;
    unsigned failures = 0;             // lookups in a row that found nothing
    base::TimePoint refreshed{};       // when refresh() last did something
    std::vector<net::Pause*> waiting;  // for the answer
    net::DeadlineWheel::Entry timer;   // when it is looked up again
  };

  Entry& entry_of(const std::shared_ptr<Endpoint>& endpoint);
  void ask(Entry& entry, const Endpoint& endpoint);
  void on_answer(Entry& entry, const Endpoint& endpoint, const Answer& answer);
  void publish(Entry& entry, const Endpoint& endpoint);
  [[nodiscard]] base::Duration time_until_next(Entry& entry, const Endpoint& endpoint, const Answer& answer) const;

  net::Executor executor_;
  net::DeadlineWheel& wheel_;
  Resolver& resolver_;
  OnChange on_change_;
  std::vector<std::unique_ptr<Entry>> entries_;  // by slot
  std::uint32_t last_id_ = 0;
};

}  // namespace lb::upstream
