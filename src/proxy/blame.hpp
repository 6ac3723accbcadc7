// Whom the attempts of one request speak for or against: the backends, or the request itself.
#pragma once

#include <boost/container/small_vector.hpp>

#include "base/error.hpp"
#include "proxy/context.hpp"
#include "proxy/request.hpp"
#include "proxy/retry_policy.hpp"

namespace lb::proxy {

// One request's; one worker.
class Blame {
 public:
  Blame(ExchangeContext& context, const Request& request) noexcept : context_(context), request_(request) {}

  // The endpoint has answered the request to its end. `chosen`: the address it was asked at; `started`: the request.
  void praise(upstream::Endpoint& endpoint, const upstream::AddressChoice& chosen, base::TimePoint started);
  // The endpoint, kept by request.keeper(), has failed the request in this way, which counts against it; against one of
  // its several addresses, if it was asked at one; against nobody, if its name has that no longer.
  void charge(upstream::Endpoint& endpoint, const upstream::AddressChoice& chosen, FailedAt at,
              const base::Error& error);

  // Whether the failure that was charged last has happened at another backend in the same way, while both serve others
  // well: then the request is the cause, and would take the next backend out as well.
  [[nodiscard]] bool lies_with_request() const noexcept;

  // Takes back what was charged.
  void take_back();

  // The address that failed last; 0: none.
  [[nodiscard]] std::uint32_t failed_address() const noexcept { return failed_address_; }

  // Of another request, or none.
  void clear() noexcept {
    charges_.clear();
    failed_address_ = 0;
  }

 private:
  struct Charge {
    PlanPtr plan;  // keeps the endpoint
    upstream::Endpoint* endpoint;
    upstream::AddressPtr address;  // null: the endpoint itself
    FailedAt at;
    base::ErrorKind kind;
  };

  ExchangeContext& context_;
  const Request& request_;
  boost::container::small_vector<Charge, 2> charges_;
  std::uint32_t failed_address_ = 0;
};

}  // namespace lb::proxy
