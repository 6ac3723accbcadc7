#include "upstream/service_record.hpp"

#include <algorithm>
#include <functional>

#include "base/limits.hpp"

namespace lb::upstream {
namespace {

constexpr RequestKind kMixed = 1;

}  // namespace

RequestKind request_kind(std::string_view request_line) noexcept {
  const std::size_t target = request_line.find(' ') + 1;
  const std::size_t end = request_line.find_first_of(" ?", target);
  // Paths of any length cost the same.
  const std::string_view text = request_line.substr(0, std::min(end, base::kRequestKindBytes));
  return std::hash<std::string_view>{}(text) | 2U;  // neither 0 nor kMixed
}

ServiceRecord::ServiceRecord(std::size_t workers)
    : workers_(workers), last_(std::make_unique<LastSuccess[]>(workers)) {}

void ServiceRecord::note_failure(RequestKind kind, bool first_in_row) noexcept {
  const RequestKind before = failing_.load(std::memory_order_relaxed);
  const RequestKind now = kind == 0 ? kMixed : first_in_row || before == kind ? kind : kMixed;
  if (now != before) failing_.store(now, std::memory_order_relaxed);
  if (last_failure_.exchange(kind, std::memory_order_relaxed) != kind) {
    const base::TimePoint::rep at = last_failure_at_.load(std::memory_order_relaxed);
    if (at != 0) other_failure_at_.store(at, std::memory_order_relaxed);
  }
  base::TimePoint::rep latest = 0;
  for (std::size_t i = 0; i < workers_; ++i) latest = std::max(latest, last_[i].at.load(std::memory_order_relaxed));
  last_failure_at_.store(latest, std::memory_order_relaxed);
}

bool ServiceRecord::serves_others(RequestKind kind, base::TimePoint now) const noexcept {
  if (failing_.load(std::memory_order_relaxed) != kind) return false;
  // A backend that now and then fails requests of every kind can fail one kind twice by chance: that is not the
  // request's fault.
  const bool last_is_other = last_failure_.load(std::memory_order_relaxed) != kind;
  const base::TimePoint failed{base::TimePoint::duration(
      (last_is_other ? last_failure_at_ : other_failure_at_).load(std::memory_order_relaxed))};
  if (failed != base::TimePoint{} && now - failed <= base::kServedLately) return false;
  bool others = false;
  for (std::size_t i = 0; i < workers_; ++i) {
    const base::TimePoint at{base::TimePoint::duration(last_[i].at.load(std::memory_order_relaxed))};
    if (at == base::TimePoint{} || now - at > base::kServedLately) continue;
    if (last_[i].kind.load(std::memory_order_relaxed) == kind) return false;
    others = true;
  }
  return others;
}

}  // namespace lb::upstream
