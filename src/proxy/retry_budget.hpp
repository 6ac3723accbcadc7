// Keeps retries from multiplying an outage: over time they are at most a share of the requests.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/limits.hpp"

namespace lb::proxy {

// A token bucket, as in Finagle's retry budgets: each request pays in its share of a retry, each retry takes a whole
// one out. It starts full, so that the requests that one dying backend takes with it can all be repeated. One worker.
class RetryBudget {
 public:
  // `percent` of a retry; 0: there is no budget.
  void record_request(unsigned percent) noexcept {
    percent_ = percent;
    hundredths_ = std::min<std::uint64_t>(hundredths_ + percent, kFull);
  }

  // Whether one more retry is within the budget; it is taken out then.
  [[nodiscard]] bool spend() noexcept {
    if (percent_ == 0) return true;
    if (hundredths_ < 100) return false;
    hundredths_ -= 100;
    return true;
  }

  // Whether it is worth a line that the budget is spent: once a minute.
  [[nodiscard]] bool is_news(base::TimePoint now) noexcept {
    if (now < silent_until_) return false;
    silent_until_ = now + std::chrono::minutes(1);
    return true;
  }

 private:
  static constexpr std::uint64_t kFull = std::uint64_t{base::kRetryReserve} * 100;

  std::uint64_t hundredths_ = kFull;  // of a retry
  unsigned percent_ = 0;
  base::TimePoint silent_until_{};
};

}  // namespace lb::proxy
