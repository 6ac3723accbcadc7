#include "proxy/blame.hpp"

#include <algorithm>

namespace lb::proxy {
namespace {

// A backend that cannot be reached has seen nothing of the request.
bool may_come_from_request(FailedAt at) noexcept {
  return at == FailedAt::no_answer || at == FailedAt::bad_answer || at == FailedAt::answer_timeout;
}

}  // namespace

void Blame::praise(upstream::Endpoint& endpoint, const upstream::AddressChoice& chosen, base::TimePoint started) {
  // The time is for minutes: that of the request's beginning will do.
  context_.health.record_success(endpoint, context_.recorder.worker(), request_.kind(), started);
  if (chosen.address != nullptr) context_.health.record_success(endpoint, *chosen.address);
}

void Blame::charge(upstream::Endpoint& endpoint, const upstream::AddressChoice& chosen, FailedAt at,
                   const base::Error& error) {
  failed_address_ = chosen.id;
  if (chosen.address == nullptr) {
    context_.health.record_failure(endpoint, error.detail, request_.kind());
  } else {
    const upstream::AddressSet* const all = context_.transport.addresses(endpoint);
    if (all == nullptr || !all->has(chosen.id)) return;
    context_.health.record_failure(endpoint, *chosen.address, *all, error.detail, request_.kind());
  }
  charges_.push_back({request_.keeper(), &endpoint, chosen.address, at, error.kind});
}

bool Blame::lies_with_request() const noexcept {
  if (charges_.empty()) return false;
  const upstream::RequestKind kind = request_.kind();
  const base::TimePoint now = context_.wheel.now();
  const Charge& last = charges_.back();
  if (!may_come_from_request(last.at) || !last.endpoint->serves_others(kind, now)) return false;
  return std::ranges::any_of(charges_, [&](const Charge& one) {
    const bool elsewhere = one.endpoint != last.endpoint || one.address != last.address;
    return elsewhere && one.at == last.at && one.kind == last.kind && one.endpoint->serves_others(kind, now);
  });
}

void Blame::take_back() {
  for (const Charge& charge : charges_) {
    charge.endpoint->take_back_note();
    if (charge.address) {
      context_.health.take_back_failure(*charge.endpoint, *charge.address);
    } else {
      context_.health.take_back_failure(*charge.endpoint);
    }
  }
  charges_.clear();
}

}  // namespace lb::proxy
