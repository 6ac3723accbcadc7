#include "http/load_report.hpp"

#include <charconv>
#include <cmath>

#include "http/text.hpp"

namespace lb::http {
namespace {

constexpr double kMost = 1e9;

std::optional<double> number(std::string_view text) noexcept {
  double value = 0;
  const char* const end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, value);
  const bool sound = !text.empty() && error == std::errc() && at == end && std::isfinite(value);
  return sound && value >= 0 && value <= kMost ? std::optional(value) : std::nullopt;
}

}  // namespace

std::optional<LoadReport> parse_load_report(std::string_view value) noexcept {
  constexpr std::string_view kText = "TEXT ";
  if (!value.starts_with(kText)) return std::nullopt;
  LoadReport report;
  bool said = false;
  bool sound = true;
  for_each_element(value.substr(kText.size()), [&](std::string_view pair) {
    const std::size_t sign = std::min(pair.find('='), pair.size());
    const std::string_view name = trimmed(pair.substr(0, sign));
    const bool is_count = name == "named_metrics.rif";
    if (!is_count && name != "named_metrics.latency_ms") return;
    const auto found = number(trimmed(pair.substr(std::min(sign + 1, pair.size()))));
    sound = sound && found;
    said = said || is_count;
    (is_count ? report.requests_in_flight : report.latency_ms) = found.value_or(0);
  });
  return sound && said ? std::optional(report) : std::nullopt;
}

}  // namespace lb::http
