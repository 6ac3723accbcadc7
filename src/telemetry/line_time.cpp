#include "telemetry/line_time.hpp"

#include <chrono>
#include <cstdio>
#include <cstdlib>

#include "base/rfc3339.hpp"

namespace lb::telemetry {
namespace {

constexpr std::size_t kCommonBytes = 26;

// Time is cut, not rounded, before 1970 too.
std::time_t seconds_of(base::WallTime time) noexcept {
  return std::chrono::system_clock::to_time_t(std::chrono::floor<std::chrono::seconds>(time));
}
unsigned milliseconds_of(base::WallTime time) noexcept {
  const auto part = time - std::chrono::floor<std::chrono::seconds>(time);
  return static_cast<unsigned>(std::chrono::duration_cast<base::Duration>(part).count());
}

}  // namespace

// Not strftime: the names must not follow the locale. The remainders only tell the compiler how wide it can get.
std::string_view LineTime::common(base::WallTime time) noexcept {
  const std::time_t second = seconds_of(time);
  if (second != common_second_) {
    static constexpr std::array<const char*, 12> kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    std::tm parts{};
    ::localtime_r(&second, &parts);
    const auto minutes = static_cast<unsigned>(std::labs(parts.tm_gmtoff) / 60);
    std::snprintf(common_.data(), common_.size(), "%02u/%s/%04u:%02u:%02u:%02u %c%02u%02u",
                  static_cast<unsigned>(parts.tm_mday) % 100U, kMonths[static_cast<std::size_t>(parts.tm_mon)],
                  static_cast<unsigned>(parts.tm_year + 1900) % 10000U, static_cast<unsigned>(parts.tm_hour) % 100U,
                  static_cast<unsigned>(parts.tm_min) % 100U, static_cast<unsigned>(parts.tm_sec) % 100U,
                  parts.tm_gmtoff < 0 ? '-' : '+', minutes / 60 % 100U, minutes % 60);
    common_second_ = second;
  }
  return {common_.data(), kCommonBytes};
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
