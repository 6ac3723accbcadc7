// The backends, their health and the order in which they are picked.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/container/small_vector.hpp>

#include "balancer/round_robin.hpp"
#include "upstream/address.hpp"
#include "upstream/endpoint.hpp"

namespace lb::upstream {

// The endpoints that one request has tried, by slot.
using Tried = boost::container::small_vector<std::uint32_t, 8>;

struct Pick {
  Endpoint* endpoint = nullptr;  // null: none was picked
  bool last_resort = false;      // down, and tried because none that is up is left
  bool acquired = false;         // to be given back with Endpoint::release()
  bool busy = false;             // none was picked, for those that are left have reached their connection limits

  [[nodiscard]] explicit operator bool() const noexcept { return endpoint != nullptr; }
};

// Which endpoints may be picked.
enum class PickScope : std::uint8_t {
  all,
  unlimited,  // those with a connection limit count as busy: others wait for their places
};

// The endpoints of one reading of the configuration. Never changes; shared by all workers, each of which keeps it alive
// for as long as its requests need it.
class Members {
 public:
  // There is at least one endpoint; `weights` are theirs. `next`: the position in `endpoints` that is picked first.
  Members(std::vector<std::shared_ptr<Endpoint>> endpoints, const std::vector<unsigned>& weights, std::uint32_t next);

  // The next endpoint for a request that has tried `tried`: in strict round robin over those that are up and have room;
  // when all of them were tried, over the others, which may well have come back since they were marked down. None: all
  // were tried, or those that are left are busy. Any thread.
  // Whom it passes over, and why, is written into `record`, if there is one.
  [[nodiscard]] Pick pick(const Tried& tried, PickScope among = PickScope::all,
                          telemetry::RequestRecord* record = nullptr) noexcept;

  [[nodiscard]] std::size_t size() const noexcept { return endpoints_.size(); }
  [[nodiscard]] Endpoint& operator[](std::size_t index) const noexcept { return *endpoints_[index]; }
  [[nodiscard]] const std::vector<std::shared_ptr<Endpoint>>& endpoints() const noexcept { return endpoints_; }
  // The position that would be picked next.
  [[nodiscard]] std::uint32_t next() const noexcept { return order_.next(); }
  // From now on it is the turn of the one at this position in `endpoints`.
  void continue_at(std::uint32_t index) noexcept { order_.continue_at(index); }

 private:
  enum class Known : std::uint8_t { inactive, down, up };  // of an endpoint: which candidates it belongs to

  bool put_in_order() noexcept;
  [[nodiscard]] std::uint64_t changes() const noexcept;
  void record_passed_over(std::uint32_t from, const Tried& tried, const Endpoint* picked,
                          telemetry::RequestRecord& record) const noexcept;

  std::vector<std::shared_ptr<Endpoint>> endpoints_;
  std::vector<AvailabilityPtr> availability_;  // those of the endpoints: one, unless they were made one by one
  balancer::RoundRobin order_;
  balancer::RoundRobin::Candidates all_{order_};
  balancer::RoundRobin::Candidates up_{order_};
  balancer::RoundRobin::Candidates down_{order_};  // active, and to be tried as a last resort
  std::vector<Known> known_;                       // whoever holds looking_ touches it and changes the candidates
  std::atomic_flag looking_;
  std::atomic<std::uint64_t> seen_changes_{UINT64_MAX};
};

using MembersPtr = std::shared_ptr<Members>;

// Owns the endpoints beyond single readings of the configuration, and says what exchanges and checks mean for them.
class Cluster {
 public:
  // There is at least one backend. `workers` will count what they do with each.
  Cluster(const std::vector<BackendSpec>& backends, const Thresholds& thresholds, std::size_t workers = 1,
          const base::Clock& clock = base::system_clock());

  // One thread: replaces the backends and the thresholds. A backend whose URL stays keeps its endpoint, and with it its
  // health and slot; the round robin goes on where it was. Returns the new members, whom the workers have still to be
  // told of; those that left are marked removed.
  MembersPtr replace(const std::vector<BackendSpec>& backends, const Thresholds& thresholds);

  // The newest members. The thread of replace().
  [[nodiscard]] const MembersPtr& members() const noexcept { return members_; }
  [[nodiscard]] std::size_t size() const noexcept { return members_->size(); }
  [[nodiscard]] Endpoint& endpoint(std::size_t index) const noexcept { return (*members_)[index]; }

  // What an exchange says of an endpoint. Each change of state is logged once, by these. Any thread.
  void record_success(Endpoint& endpoint) noexcept { endpoint.record_success(); }
  void record_success(Endpoint& endpoint, std::size_t worker, RequestKind kind, base::TimePoint now) noexcept {
    endpoint.record_success(worker, kind, now);
  }
  // `kind`: of the request that failed, if one alone can be the cause.
  void record_failure(Endpoint& endpoint, std::string_view reason, RequestKind kind = 0);
  // A failure that was recorded was the request's own fault.
  void take_back_failure(Endpoint& endpoint);
  void record_recovery(Endpoint& endpoint);
  // The process before this one had marked it down, for this reason. The thread of replace().
  void inherit_down(Endpoint& endpoint, const std::string& reason);
  // The same at one of an endpoint's several addresses: only that one is out after failures in a row. The endpoint is
  // down when all of its addresses, `all`, are out.
  void record_success(Endpoint& endpoint, Address& address);
  void record_failure(Endpoint& endpoint, Address& address, const AddressSet& all, std::string_view reason,
                      RequestKind kind = 0);
  void take_back_failure(Endpoint& endpoint, Address& address);
  // One of several addresses could not be connected to.
  void record_failure(const Endpoint& endpoint, Address& address, std::string_view reason);
  // What a check says. `reason`: why it failed, for people; `took`: how long it did. The thread of replace().
  void record_check(Endpoint& endpoint, bool passed, std::string_view reason, base::Duration took = {});
  // The same of one of several addresses.
  void record_check(const Endpoint& endpoint, Address& address, bool passed, std::string_view reason);

  // Called when exchanges have marked an endpoint down, on their thread. Set before there are any.
  void on_down(std::function<void()> call) { on_down_ = std::move(call); }

 private:
  std::shared_ptr<Endpoint> make_endpoint(const BackendSpec& backend);
  void went_down(Endpoint& endpoint, std::uint32_t failures, std::string_view reason);

  const base::Clock& clock_;
  AvailabilityPtr availability_ = std::make_shared<Availability>();
  std::size_t workers_;
  std::vector<std::weak_ptr<Endpoint>> slots_;  // expired: free for another endpoint
  MembersPtr members_;
  Thresholds thresholds_;                    // of checks
  std::atomic<std::uint32_t> failures_max_;  // of exchanges
  std::function<void()> on_down_;
};

}  // namespace lb::upstream
