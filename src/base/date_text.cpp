#include "base/date_text.hpp"

#include <fmt/chrono.h>

namespace lb::base {

void write_http_date(std::time_t seconds, std::array<char, kHttpDateBytes>& text) {
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  fmt::format_to_n(text.data(), text.size(), "{:%a, %d %b %Y %H:%M:%S} GMT", parts);
}

void write_common_log_date(std::time_t seconds, std::array<char, kCommonLogDateBytes>& text) {
  std::tm parts{};
  ::localtime_r(&seconds, &parts);
  fmt::format_to_n(text.data(), text.size(), "{:%d/%b/%Y:%H:%M:%S %z}", parts);
}

std::string rfc3339(WallTime at) {
  // Cut, not rounded, before 1970 too.
  const auto since = std::chrono::floor<std::chrono::milliseconds>(at);
  const auto seconds = std::chrono::floor<std::chrono::seconds>(since);
  const std::time_t whole = std::chrono::system_clock::to_time_t(seconds);
  std::tm parts{};
  ::gmtime_r(&whole, &parts);
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z", parts, (since - seconds).count());
}

}  // namespace lb::base
