// The endpoints that a service is to have, as the thread that changes them knows it.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "upstream/members.hpp"
#include "upstream/registry.hpp"

namespace lb::upstream {

// How one of the endpoints is chosen.
struct Choice {
  balancer::PolicyKind policy = balancer::PolicyKind::round_robin;
  base::Duration slow_start{};  // of one that comes, or comes back; 0: none
};

// Makes Members of what the configuration, the operator and sources say, one after the other. One thread.
class Cluster {
 public:
  struct Change {
    std::vector<EndpointPtr> added;
    std::size_t removed = 0;
  };

  // The registry outlives the cluster.
  explicit Cluster(Registry& registry) : registry_(registry) {}

  // These are its backends from now on, at least one, how one is chosen, and what makes a change of their health. A
  // backend whose URL stays keeps its endpoint, and with it its health and slot. Those that are new get no requests
  // before admit().
  Change replace(const std::vector<BackendSpec>& backends, const Thresholds& thresholds, const Choice& choice = {});

  // These may get requests: they have been checked, or have had time enough. Beside others they start slowly.
  void admit(const std::vector<EndpointPtr>& endpoints, base::TimePoint now);

  // New members, of all that were admitted; the round robin goes on where it was. Those that are left out are marked
  // removed. While none of the backends was admitted, the members stay as they were: null before there were any.
  const MembersPtr& publish();
  // The newest members.
  [[nodiscard]] const MembersPtr& members() const noexcept { return members_; }

  // Whether none of the backends gets requests yet, so that those of before go on.
  [[nodiscard]] bool awaits_all() const noexcept;

  // All backends in their order, admitted or not.
  [[nodiscard]] const std::vector<EndpointPtr>& endpoints() const noexcept { return endpoints_; }

 private:
  struct Place {
    unsigned weight = 1;
    bool backup = false;
    bool admitted = false;
  };

  Registry& registry_;
  AvailabilityPtr availability_ = std::make_shared<Availability>();
  Choice choice_;
  std::vector<EndpointPtr> endpoints_;
  std::vector<Place> places_;  // of the endpoints
  MembersPtr members_;
};

}  // namespace lb::upstream
