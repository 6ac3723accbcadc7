#include "telemetry/line_time.hpp"

#include <chrono>

#include "base/date_text.hpp"

namespace lb::telemetry {
namespace {

// Time is cut, not rounded, before 1970 too.
std::time_t seconds_of(base::WallTime time) noexcept {
  return std::chrono::system_clock::to_time_t(std::chrono::floor<std::chrono::seconds>(time));
}
unsigned milliseconds_of(base::WallTime time) noexcept {
  const auto part = time - std::chrono::floor<std::chrono::seconds>(time);
  return static_cast<unsigned>(std::chrono::duration_cast<base::Duration>(part).count());
}

}  // namespace

std::string_view LineTime::common(base::WallTime time) noexcept {
  const std::time_t second = seconds_of(time);
  if (second != common_second_) {
    base::write_common_log_date(second, common_);
    common_second_ = second;
  }
  return {common_.data(), common_.size()};
}

std::string_view LineTime::utc(base::WallTime time) {
  const std::time_t second = seconds_of(time);
  if (second != utc_second_) {
    utc_ = base::rfc3339(std::chrono::system_clock::from_time_t(second));
    utc_second_ = second;
  }
  unsigned milliseconds = milliseconds_of(time);
  for (std::size_t at = utc_.size() - 2; utc_[at] != '.'; --at, milliseconds /= 10) {
    utc_[at] = static_cast<char>('0' + milliseconds % 10);
  }
  return utc_;
}

}  // namespace lb::telemetry
