// The time of a line of the access log, of which only the milliseconds are new most times.
#pragma once

#include <array>
#include <ctime>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/date_text.hpp"

namespace lb::telemetry {

// One thread. The time zone is that of the last ::tzset().
class LineTime {
 public:
  // "23/Nov/2026:08:22:01 +0000", in the local time zone. Good until the next call, as is the other.
  [[nodiscard]] std::string_view common(base::WallTime time) noexcept;
  // "2026-11-23T08:22:01.123Z" (RFC 3339).
  [[nodiscard]] std::string_view utc(base::WallTime time);

 private:
  std::time_t common_second_ = -1;
  std::time_t utc_second_ = -1;
  std::array<char, base::kCommonLogDateBytes> common_{};
  std::string utc_;
};

}  // namespace lb::telemetry
