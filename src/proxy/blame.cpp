#include "proxy/blame.hpp"

#include <algorithm>

namespace lb::proxy {
namespace {

// A backend that cannot be reached has seen nothing of the request.
bool may_come_from_request(FailedAt at) noexcept {
  return at == FailedAt::no_answer || at == FailedAt::bad_answer || at == FailedAt::answer_timeout;
}

}  // namespace

void Blame::charge(const upstream::MembersPtr& members, upstream::Endpoint& endpoint,
                   const upstream::AddressPtr& address, FailedAt at, base::ErrorKind kind) {
  charges_.push_back({members, &endpoint, address, at, kind});
}

bool Blame::lies_with_request(upstream::RequestKind kind, base::TimePoint now) const noexcept {
  if (charges_.empty()) return false;
  const Charge& last = charges_.back();
  if (!may_come_from_request(last.at) || !last.endpoint->serves_others(kind, now)) return false;
  return std::ranges::any_of(charges_, [&](const Charge& one) {
    const bool elsewhere = one.endpoint != last.endpoint || one.address != last.address;
    return elsewhere && one.at == last.at && one.kind == last.kind && one.endpoint->serves_others(kind, now);
  });
}

void Blame::take_back(upstream::Cluster& cluster) {
  for (const Charge& charge : charges_) {
    charge.endpoint->take_back_note();
    if (charge.address) {
      cluster.take_back_failure(*charge.endpoint, *charge.address);
    } else {
      cluster.take_back_failure(*charge.endpoint);
    }
  }
  charges_.clear();
}

}  // namespace lb::proxy
