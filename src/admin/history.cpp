#include "admin/history.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include <boost/json/array.hpp>

namespace lb::admin {
namespace {

namespace json = boost::json;

// As they are called in a status: of "requests" and of "clients", and of "now" of a backend.
constexpr std::array<const char*, History::kServerFigures> kServerNames = {"per_second", "errors_per_second", "p50_ms",
                                                                           "p99_ms", "connections"};
constexpr std::array<const char*, History::kBackendFigures> kBackendNames = {"requests_per_second", "errors_per_second",
                                                                             "p50_ms", "p99_ms"};
constexpr float kNothing = std::numeric_limits<float>::quiet_NaN();

float number(const json::value& object, const char* name) {
  const json::object* const members = object.if_object();
  const json::value* const value = members != nullptr ? members->if_contains(name) : nullptr;
  boost::system::error_code code;
  const auto number = value != nullptr && value->is_number() ? value->to_number<double>(code) : std::nan("");
  return code ? kNothing : static_cast<float>(number);
}

// In three decimals, as it came.
json::value rounded(float value) {
  if (std::isnan(value)) return nullptr;
  return std::round(static_cast<double>(value) * 1000) / 1000;
}

}  // namespace

History::Line::Line() noexcept {
  values.fill(kNothing);
}

void History::add(const json::object& status) {
  const std::size_t at = end_ % kHistorySeconds;
  ++end_;
  for (std::size_t i = 0; i < kServerFigures; ++i) {
    const bool of_clients = i + 1 == kServerFigures;
    server_[i].values[at] = number(status.at(of_clients ? "clients" : "requests"), kServerNames[i]);
  }
  for (const json::value& one : status.at("backends").as_array()) {
    const json::object& backend = one.as_object();
    Backend& kept = backends_[std::string(backend.at("url").as_string())];
    kept.seen = end_;
    for (std::size_t i = 0; i < kBackendFigures; ++i) {
      kept.lines[i].values[at] = number(backend.at("now"), kBackendNames[i]);
    }
  }
  std::erase_if(backends_, [&](const auto& one) { return one.second.seen != end_; });
}

void History::skip(std::uint64_t points) {
  for (std::uint64_t i = 0; i < std::min<std::uint64_t>(points, kHistorySeconds); ++i) {
    const std::size_t at = end_ % kHistorySeconds;
    ++end_;
    for (Line& line : server_) line.values[at] = kNothing;
    for (auto& [url, backend] : backends_) {
      for (Line& line : backend.lines) line.values[at] = kNothing;
    }
  }
}

std::vector<std::string> History::backends() const {
  std::vector<std::string> urls;
  urls.reserve(backends_.size());
  for (const auto& [url, backend] : backends_) urls.push_back(url);
  return urls;
}

template <std::size_t N>
json::object History::lists(const std::array<Line, N>& lines, const std::array<const char*, N>& names,
                            std::uint64_t end) const {
  const std::uint64_t begin = end_ > kHistorySeconds ? end_ - kHistorySeconds : 0;
  json::object out;
  for (std::size_t i = 0; i < N; ++i) {
    json::array values;
    for (std::uint64_t point = begin; point < end; ++point) {
      values.push_back(rounded(lines[i].values[point % kHistorySeconds]));
    }
    out[names[i]] = std::move(values);
  }
  return out;
}

json::object History::server(std::uint64_t end) const {
  return lists(server_, kServerNames, end);
}

json::object History::backend(const std::string& url, std::uint64_t end) const {
  const auto found = backends_.find(url);
  return found == backends_.end() ? json::object() : lists(found->second.lines, kBackendNames, end);
}

}  // namespace lb::admin
