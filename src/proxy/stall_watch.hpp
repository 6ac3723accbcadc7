// While an exchange waits for its answer: whether its backend owes every answer, and the request is to go elsewhere.
#pragma once

#include <utility>

#include "proxy/context.hpp"
#include "proxy/request.hpp"
#include "proxy/retry_policy.hpp"

namespace lb::proxy {

// One request's; one worker. Costs nothing while answers come within Request::first_look.
class StallWatch {
 public:
  StallWatch(ExchangeContext& context, Request& request) noexcept : context_(context), request_(request) {}
  ~StallWatch() { end(); }
  StallWatch(const StallWatch&) = delete;
  StallWatch& operator=(const StallWatch&) = delete;

  // Another request.
  void reset() noexcept { left_ = 0; }

  // The answer of this backend is awaited.
  void begin(const upstream::Pick& pick) noexcept {
    end();
    endpoint_ = pick.endpoint;
    trial_ = pick.trial != 0;
    next_look_ = base::TimePoint();
  }
  // It has come, or is not awaited any more.
  void end() noexcept {
    if (std::exchange(owed_, false)) endpoint_->forget_owed();
    next_look_ = base::kNever;
  }

  // When to look, for a wait that began then; kNever: not at all.
  [[nodiscard]] base::Deadline next_look(base::TimePoint since) const noexcept {
    return next_look_ == base::TimePoint() ? since + request_.first_look : next_look_;
  }
  // Looks. True: the request leaves this backend for another.
  [[nodiscard]] bool look(base::TimePoint since);

 private:
  [[nodiscard]] bool may_leave() const noexcept;

  ExchangeContext& context_;
  Request& request_;
  upstream::Endpoint* endpoint_ = nullptr;
  bool trial_ = false;
  bool owed_ = false;                        // counted by the endpoint
  base::Deadline next_look_ = base::kNever;  // TimePoint(): the first of this wait is to come
  unsigned left_ = 0;                        // backends, by this request
};

}  // namespace lb::proxy
