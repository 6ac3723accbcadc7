// Writes metrics in the text format 0.0.4 of Prometheus.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "base/clock.hpp"
#include "telemetry/histogram.hpp"

namespace lb::admin {

// `name="value"` with the value escaped; joined with a comma to more of them.
[[nodiscard]] std::string label(std::string_view name, std::string_view value);

// One family after the other: all samples of one stand together. Names are without the prefix of the program.
class Exposition {
 public:
  // Begins a family. `type`: "counter", "gauge" or "histogram".
  void family(std::string_view name, std::string_view type, std::string_view help);
  // Of the family that was begun. `labels`: as label() makes them; empty: none.
  void sample(std::uint64_t value, std::string_view labels = {});
  // `more`: a label of this sample alone.
  void sample(std::uint64_t value, std::string_view labels, std::string_view more_name, std::string_view more_value);
  void sample(base::WallTime at);
  // Cumulated, at 1, 2 and 5 of each power of ten: fewer series than there are buckets, and round numbers.
  void sample(const telemetry::Distribution& latency, std::string_view labels = {});

  // What was written since the last time.
  [[nodiscard]] std::size_t size() const noexcept { return text_.size(); }
  [[nodiscard]] std::string take() { return std::exchange(text_, {}); }

 private:
  void begin(std::string_view suffix, std::string_view labels, std::string_view more_name, std::string_view more_value);
  void end(std::uint64_t value);
  void end_millionths(std::uint64_t millionths);

  std::string text_;
  std::string name_;  // of the family
};

}  // namespace lb::admin
