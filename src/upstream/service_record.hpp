// Whether a backend serves others well, while one request fails at it.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "base/clock.hpp"

namespace lb::upstream {

// Stands for a method and a path: requests of the same kind are likely to fare alike. 0: of no known kind.
using RequestKind = std::uint64_t;

// Of the first line of a request: "GET /path?query HTTP/1.1". Never 0. The query is left out: it differs where the
// request is repeated.
[[nodiscard]] RequestKind request_kind(std::string_view request_line) noexcept;

// Each worker writes a line of its own, others read it: any thread.
class ServiceRecord {
 public:
  explicit ServiceRecord(std::size_t workers);

  // A request of this kind was answered to its end.
  void note_success(std::size_t worker, RequestKind kind, base::TimePoint now) noexcept {
    last_[worker].at.store(now.time_since_epoch().count(), std::memory_order_relaxed);
    last_[worker].kind.store(kind, std::memory_order_relaxed);
  }
  // One has failed; `first_in_row`: after a success.
  void note_failure(RequestKind kind, bool first_in_row) noexcept;

  // The failure that was noted last was the request's own fault: it says nothing of other kinds.
  void take_back_failure() noexcept { last_failure_at_.store(0, std::memory_order_relaxed); }

  // Whether other requests than those of this kind have succeeded lately, and those of this kind alone have failed.
  // False also when it was one of this kind that succeeded last.
  [[nodiscard]] bool serves_others(RequestKind kind, base::TimePoint now) const noexcept;

 private:
  struct alignas(64) LastSuccess {
    std::atomic<base::TimePoint::rep> at{0};
    std::atomic<RequestKind> kind{0};
  };

  std::size_t workers_;
  std::unique_ptr<LastSuccess[]> last_;
  std::atomic<RequestKind> failing_{0};  // the kind of all failures in a row; kMixed: several
  // Kind and time of the last failure, and the time of the last failure of another kind before it. A time is that of
  // the newest success before the failure; 0: there was none.
  std::atomic<RequestKind> last_failure_{0};
  std::atomic<base::TimePoint::rep> last_failure_at_{0};
  std::atomic<base::TimePoint::rep> other_failure_at_{0};
};

}  // namespace lb::upstream
