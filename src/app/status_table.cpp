#include "app/status_table.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>
#include <vector>

#include <boost/json.hpp>

#include "app/format.hpp"
#include "config/config_error.hpp"

namespace lb::app {
namespace {

namespace json = boost::json;

constexpr std::size_t kColumns = 11;
using Row = std::array<std::string, kColumns>;
const Row kTitles = {"backend", "state",  "since",  "in flight",  "requests", "failed",
                     "p50 ms",  "p99 ms", "weight", "next check", "reason"};
// Numbers stand at the right of their columns.
constexpr std::array<bool, kColumns> kRight = {false, false, true, true, true, true, true, true, true, true, false};

const json::value& at(const json::value& value, std::string_view pointer) {
  static const json::value nothing;
  boost::system::error_code code;
  const json::value* const found = value.find_pointer(pointer, code);
  return found != nullptr ? *found : nothing;
}

std::string text_of(const json::value& value) {
  return value.is_string() ? config::printable(std::string_view(value.get_string())) : std::string();
}

std::uint64_t number_of(const json::value& value) {
  boost::system::error_code code;
  const auto number = value.to_number<std::uint64_t>(code);
  return code ? 0 : number;
}

std::string milliseconds_of(const json::value& value) {
  boost::system::error_code code;
  const double number = value.is_null() ? 0 : value.to_number<double>(code);
  if (value.is_null() || code) return "-";
  std::array<char, 48> text{};
  std::snprintf(text.data(), text.size(), number < 9.95 ? "%.1f" : "%.0f", std::min(number, 1e9));
  return text.data();
}

// RFC 3339 in UTC, to the second.
std::optional<base::WallTime> time_of(const json::value& value) {
  const std::string text = text_of(value);
  std::tm parts{};
  if (::strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &parts) == nullptr) return std::nullopt;
  return base::WallTime(std::chrono::seconds(::timegm(&parts)));
}

// "12s", "5m 3s", "2h 10m", "3d 4h"; nothing is shorter than 0.
std::string span_text(std::int64_t seconds) {
  const std::int64_t s = std::max<std::int64_t>(seconds, 0);
  if (s < 60) return std::to_string(s) + "s";
  if (s < 3600) return std::to_string(s / 60) + "m " + std::to_string(s % 60) + "s";
  if (s < 86400) return std::to_string(s / 3600) + "h " + std::to_string(s % 3600 / 60) + "m";
  return std::to_string(s / 86400) + "d " + std::to_string(s % 86400 / 3600) + "h";
}

std::string since_text(const json::value& value, base::WallTime now) {
  const auto time = time_of(value);
  return time ? span_text(std::chrono::duration_cast<std::chrono::seconds>(now - *time).count()) : "-";
}

std::string until_text(const json::value& value, base::WallTime now) {
  const auto time = time_of(value);
  return time ? "in " + span_text(std::chrono::duration_cast<std::chrono::seconds>(*time - now).count()) : "-";
}

std::uint64_t sum_of(const json::value& backend, std::initializer_list<std::string_view> names) {
  std::uint64_t sum = 0;
  for (const std::string_view name : names) sum += number_of(at(backend, "/results/" + std::string(name)));
  return sum;
}

// A member that older balancers do not have; empty: it is not there.
std::string member_text(const json::value& backend, std::string_view name) {
  const json::object* const object = backend.if_object();
  const json::value* const member = object == nullptr ? nullptr : object->if_contains(name);
  return member == nullptr ? std::string() : text_of(*member);
}

// "up"; "stalled"; "draining, up".
std::string state_text(const json::value& backend) {
  const std::string administration = text_of(at(backend, "/administration"));
  const std::string state = text_of(at(backend, "/state"));
  const std::string condition = member_text(backend, "condition");
  const std::string health = state == "up" && !condition.empty() && condition != "well" ? condition : state;
  return administration == "active" ? health : administration + ", " + health;
}

std::string reason_of(const json::value& backend) {
  const std::string remark = member_text(backend, "condition_reason");
  return remark.empty() ? text_of(at(backend, "/reason")) : remark;
}

Row row_of(const json::value& backend, base::WallTime now) {
  const std::uint64_t failed =
      sum_of(backend, {"not_connected", "no_answer", "bad_answer", "timed_out", "broke_off", "over_limits"});
  return {text_of(at(backend, "/url")),
          state_text(backend),
          since_text(at(backend, "/since"), now),
          std::to_string(number_of(at(backend, "/in_flight"))),
          std::to_string(number_of(at(backend, "/attempts"))),
          std::to_string(failed),
          milliseconds_of(at(backend, "/latency_ms/total/p50")),
          milliseconds_of(at(backend, "/latency_ms/total/p99")),
          std::to_string(number_of(at(backend, "/weight"))),
          until_text(at(backend, "/next_check"), now),
          reason_of(backend)};
}

// Green takes traffic, red cannot, yellow is not to.
std::string_view colour_of(std::string_view state) {
  if (state == "up") return "\x1b[32m";
  if (state == "down") return "\x1b[31m";
  return state == "unknown" ? "" : "\x1b[33m";
}

std::string line_of(const Row& row, const std::array<std::size_t, kColumns>& widths, Paint paint) {
  std::string line;
  for (std::size_t i = 0; i < kColumns; ++i) {
    const std::string padding(widths[i] - row[i].size(), ' ');
    const std::string_view colour = i == 1 && paint == Paint::coloured ? colour_of(row[i]) : std::string_view();
    if (kRight[i]) line += padding;
    line.append(colour).append(row[i]).append(colour.empty() ? "" : "\x1b[0m");
    if (i + 1 == kColumns) break;
    if (!kRight[i]) line += padding;
    line += "  ";
  }
  return line + "\n";
}

std::uint64_t sum_of_members(const json::value& value) {
  std::uint64_t sum = 0;
  if (!value.is_object()) return sum;
  for (const json::key_value_pair& pair : value.get_object()) sum += number_of(pair.value());
  return sum;
}

std::string totals_of(const json::value& status) {
  const auto count = [&](std::string_view pointer, std::string_view what) {
    return counted(number_of(at(status, pointer)), what);
  };
  return "total: " + count("/clients/connections", "client") + ", " + count("/requests/total", "request") + ", " +
         std::to_string(number_of(at(status, "/requests/by_class/5xx"))) + " of them 5xx, " +
         std::to_string(sum_of_members(at(status, "/requests/refused"))) + " refused, " +
         std::to_string(sum_of_members(at(status, "/retries/by_reason"))) + " retried; p50 " +
         milliseconds_of(at(status, "/latency_ms/p50")) + " ms, p99 " + milliseconds_of(at(status, "/latency_ms/p99")) +
         " ms\n";
}

// Those that get themselves, with why one does not.
std::string certificates_of(const json::value& status) {
  std::string out;
  if (!at(status, "/acme").is_array()) return out;
  for (const json::value& one : at(status, "/acme").get_array()) {
    const std::string problem = text_of(at(one, "/problem"));
    const std::string expires = text_of(at(one, "/expires"));
    out += "certificate of " + text_of(at(one, "/domain")) + ": " + text_of(at(one, "/state")) +
           (expires.empty() ? "" : ", until " + expires) + (problem.empty() ? "" : "; " + problem) + "\n";
  }
  return out;
}

std::string first_line_of(const json::value& status, base::WallTime now) {
  const std::string listening = text_of(at(status, "/listening"));
  return "load-balancer " + text_of(at(status, "/version")) + ", pid " + std::to_string(number_of(at(status, "/pid"))) +
         ", " + text_of(at(status, "/state")) + " " + listening + " for " + since_text(at(status, "/started"), now) +
         ", " + counted(number_of(at(status, "/workers")), "worker") + ", " + text_of(at(status, "/transport")) + "\n";
}

}  // namespace

std::optional<std::string> status_table(std::string_view body, base::WallTime now, Paint paint) {
  boost::system::error_code code;
  const json::value status = json::parse(body, code);
  if (code || !at(status, "/backends").is_array() || !at(status, "/version").is_string()) return std::nullopt;
  std::vector<Row> rows{kTitles};
  for (const json::value& backend : at(status, "/backends").get_array()) rows.push_back(row_of(backend, now));
  std::array<std::size_t, kColumns> widths{};
  for (const Row& row : rows) {
    for (std::size_t i = 0; i < kColumns; ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string out = first_line_of(status, now) + line_of(rows.front(), widths, Paint::plain);
  for (std::size_t i = 1; i < rows.size(); ++i) out += line_of(rows[i], widths, paint);
  return out + totals_of(status) + certificates_of(status);
}

}  // namespace lb::app
