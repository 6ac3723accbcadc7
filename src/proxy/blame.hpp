// Whom the failed attempts of one request speak against: the backends, or the request itself.
#pragma once

#include <boost/container/small_vector.hpp>

#include "base/error.hpp"
#include "proxy/retry_policy.hpp"
#include "upstream/cluster.hpp"

namespace lb::proxy {

// One request's; one worker.
class Blame {
 public:
  // The endpoint has failed the request in this way, which counts against it, or against one of its several addresses.
  // `members` keeps it alive.
  void charge(const upstream::MembersPtr& members, upstream::Endpoint& endpoint, const upstream::AddressPtr& address,
              FailedAt at, base::ErrorKind kind);

  // Whether the failure that was charged last has happened at another backend in the same way, while both serve others
  // well: then the request is the cause, and would take the next backend out as well.
  [[nodiscard]] bool lies_with_request(upstream::RequestKind kind, base::TimePoint now) const noexcept;

  // Takes back what was charged.
  void take_back(upstream::Cluster& cluster);

  void clear() noexcept { charges_.clear(); }

 private:
  struct Charge {
    upstream::MembersPtr members;
    upstream::Endpoint* endpoint;
    upstream::AddressPtr address;  // null: the endpoint itself
    FailedAt at;
    base::ErrorKind kind;
  };

  boost::container::small_vector<Charge, 2> charges_;
};

}  // namespace lb::proxy
