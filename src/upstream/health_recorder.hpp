// What exchanges and checks mean for the health of endpoints.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "upstream/address.hpp"
#include "upstream/endpoint.hpp"

namespace lb::upstream {

// Each change of state is logged once, by these. Any thread, but where it says otherwise.
class HealthRecorder {
 public:
  explicit HealthRecorder(const base::Clock& clock = base::system_clock()) : clock_(clock) {}

  // What an exchange says of an endpoint.
  void record_success(Endpoint& endpoint) noexcept { endpoint.record_success(); }
  void record_success(Endpoint& endpoint, std::size_t worker, RequestKind kind, base::TimePoint now) noexcept {
    endpoint.record_success(worker, kind, now);
  }
  // `kind`: of the request that failed, if one alone can be the cause.
  void record_failure(Endpoint& endpoint, std::string_view reason, RequestKind kind = 0);
  // A failure that was recorded was the request's own fault.
  void take_back_failure(Endpoint& endpoint);
  void record_recovery(Endpoint& endpoint);
  // The process before this one had marked it down, for this reason. The thread of the checks.
  void inherit_down(Endpoint& endpoint, const std::string& reason);
  // The same at one of an endpoint's several addresses: only that one is out after failures in a row. The endpoint is
  // down when all of its addresses, `all`, are out.
  void record_success(Endpoint& endpoint, Address& address);
  void record_failure(Endpoint& endpoint, Address& address, const AddressSet& all, std::string_view reason,
                      RequestKind kind = 0);
  void take_back_failure(Endpoint& endpoint, Address& address);
  // One of several addresses could not be connected to.
  void record_failure(const Endpoint& endpoint, Address& address, std::string_view reason);
  // What a check says. `reason`: why it failed, for people; `took`: how long it did. The thread of the checks.
  void record_check(Endpoint& endpoint, bool passed, std::string_view reason, base::Duration took = {});
  // The same of one of several addresses.
  void record_check(const Endpoint& endpoint, Address& address, bool passed, std::string_view reason);

  // It owes every answer while others answer; it has answered. The first word of each is logged.
  void record_stall(Endpoint& endpoint, base::Duration waited);
  void record_answer_after_stall(Endpoint& endpoint);
  // It does worse than the others, and gets nothing for so long; that is over.
  void record_ejection(Endpoint& endpoint, base::Duration length, std::string_view reason);
  void record_end_of_ejection(Endpoint& endpoint);
  // It gets this share of what its weight says; 1: all of it again.
  void record_reduction(Endpoint& endpoint, double share, std::string_view reason);

  // Called when exchanges have marked an endpoint down, on their thread. Set before there are any.
  void on_down(std::function<void()> call) { on_down_ = std::move(call); }

 private:
  void went_down(Endpoint& endpoint, std::uint32_t failures, std::string_view reason);

  const base::Clock& clock_;
  std::function<void()> on_down_;
};

}  // namespace lb::upstream
