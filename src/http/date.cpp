#include "http/date.hpp"

#include <cstdio>

namespace lb::http {

std::string_view DateCache::at(std::time_t seconds) noexcept {
  if (seconds != seconds_) {
    static constexpr std::array<const char*, 7> kDays{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static constexpr std::array<const char*, 12> kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    std::tm parts{};
    gmtime_r(&seconds, &parts);
    // Not strftime: the names must not follow the locale. The remainders only tell the compiler how wide it can get.
    std::snprintf(text_.data(), text_.size(), "%s, %02u %s %04u %02u:%02u:%02u GMT",
                  kDays[static_cast<std::size_t>(parts.tm_wday)], static_cast<unsigned>(parts.tm_mday) % 100U,
                  kMonths[static_cast<std::size_t>(parts.tm_mon)], static_cast<unsigned>(parts.tm_year + 1900) % 10000U,
                  static_cast<unsigned>(parts.tm_hour) % 100U, static_cast<unsigned>(parts.tm_min) % 100U,
                  static_cast<unsigned>(parts.tm_sec) % 100U);
    seconds_ = seconds;
  }
  return {text_.data(), 29};
}

}  // namespace lb::http
