#include "telemetry/line_time.hpp"

#include <cstdlib>
#include <string>

#include <gtest/gtest.h>

namespace lb::telemetry {
namespace {

constexpr base::WallTime at(std::int64_t milliseconds) {
  return base::WallTime(std::chrono::milliseconds(milliseconds));
}
constexpr std::int64_t kMorning = 1'795'422'121'000;  // 2026-11-23T08:22:01Z

// Names its time zone while it lives.
class InZone {
 public:
  explicit InZone(const char* zone) {
    const char* before = std::getenv("TZ");
    if (before != nullptr) before_ = before;
    ::setenv("TZ", zone, 1);
    ::tzset();
  }
  ~InZone() {
    before_.empty() ? ::unsetenv("TZ") : ::setenv("TZ", before_.c_str(), 1);
    ::tzset();
  }
  InZone(const InZone&) = delete;
  InZone& operator=(const InZone&) = delete;

 private:
  std::string before_;
};

TEST(TelemetryLineTime, is_written_as_each_format_wants_it) {
  const InZone zone("UTC0");
  LineTime time;
  EXPECT_EQ(time.common(at(kMorning)), "23/Nov/2026:08:22:01 +0000");
  EXPECT_EQ(time.utc(at(kMorning)), "2026-11-23T08:22:01.000Z");
}

TEST(TelemetryLineTime, text_is_local_and_json_is_not) {
  for (const auto& [name, expected] :
       {std::pair{"HERE-5:30", "23/Nov/2026:13:52:01 +0530"}, std::pair{"HERE3:30", "23/Nov/2026:04:52:01 -0330"},
        std::pair{"HERE12", "22/Nov/2026:20:22:01 -1200"}}) {
    const InZone zone(name);
    LineTime time;
    EXPECT_EQ(time.common(at(kMorning)), expected);
    EXPECT_EQ(time.utc(at(kMorning)), "2026-11-23T08:22:01.000Z");
  }
}

// Goal: what is kept for a second does not outlive it. Method: moments within one, and of the next.
TEST(TelemetryLineTime, goes_on) {
  const InZone zone("UTC0");
  LineTime time;
  EXPECT_EQ(time.utc(at(kMorning + 7)), "2026-11-23T08:22:01.007Z");
  EXPECT_EQ(time.utc(at(kMorning + 999)), "2026-11-23T08:22:01.999Z");
  EXPECT_EQ(time.utc(at(kMorning + 1000)), "2026-11-23T08:22:02.000Z");
  EXPECT_EQ(time.common(at(kMorning + 999)), "23/Nov/2026:08:22:01 +0000");
  EXPECT_EQ(time.common(at(kMorning + 1000)), "23/Nov/2026:08:22:02 +0000");
  EXPECT_EQ(time.common(at(kMorning - 1)), "23/Nov/2026:08:22:00 +0000") << "clocks are set back, too";
  EXPECT_EQ(time.utc(at(-1)), "1969-12-31T23:59:59.999Z");
  EXPECT_EQ(time.common(at(0)), "01/Jan/1970:00:00:00 +0000");
}

}  // namespace
}  // namespace lb::telemetry
