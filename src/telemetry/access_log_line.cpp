#include "telemetry/access_log_line.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <limits>

#include "base/utf8.hpp"

namespace lb::telemetry {
namespace {

constexpr unsigned kClientLeft = 499;  // nginx' word for it

constexpr std::string_view kUpper = "0123456789ABCDEF";
constexpr std::string_view kLower = "0123456789abcdef";

// What both formats show as it is: visible ASCII and spaces, without what quotes or escapes.
constexpr std::array<bool, 256> kPlain = [] {
  std::array<bool, 256> plain{};
  for (std::size_t c = 0x20; c < 0x7F; ++c) plain[c] = c != '"' && c != '\\';
  return plain;
}();

// Tests eight bytes at once, by subtraction. A borrow can flag a plain byte, but only where another byte is not plain:
// the result for the whole word is exact.
constexpr bool all_plain(std::uint64_t word) noexcept {
  constexpr std::uint64_t kOnes = 0x0101010101010101;
  constexpr std::uint64_t kTops = 0x80 * kOnes;
  const auto any_less = [](std::uint64_t bytes, std::uint64_t than) { return (bytes - kOnes * than) & ~bytes; };
  const auto any_equal = [&](std::uint64_t to) { return any_less(word ^ (kOnes * to), 1); };
  return ((word | any_less(word, 0x20) | any_equal(0x7F) | any_equal('"') | any_equal('\\')) & kTops) == 0;
}

std::size_t count_plain(std::string_view text) noexcept {
  std::size_t at = 0;
  for (std::uint64_t word = 0; text.size() - at >= sizeof word; at += sizeof word) {
    std::memcpy(&word, text.data() + at, sizeof word);
    if (!all_plain(word)) break;
  }
  while (at < text.size() && kPlain[static_cast<unsigned char>(text[at])]) ++at;
  return at;
}

// Appends the plain bytes that the text begins with, and takes them off.
void append_plain(std::string_view& text, std::string& out) {
  const std::size_t plain = count_plain(text);
  out.append(text.substr(0, plain));
  text.remove_prefix(plain);
}

void append_byte(std::uint32_t byte, std::string_view digits, std::string& out) {
  out.push_back(digits[byte >> 4U & 15U]);
  out.push_back(digits[byte & 15U]);
}

void append_number(std::uint64_t number, std::string& out) {
  std::array<char, std::numeric_limits<std::uint64_t>::digits10 + 1> digits;
  out.append(digits.data(), std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr);
}

// As nginx escapes: a tool that splits lines at quotes is not to be fooled.
void append_quoted(std::string_view text, std::string& out) {
  out.push_back('"');
  if (text.empty()) out.push_back('-');
  for (append_plain(text, out); !text.empty(); append_plain(text, out)) {
    out.append("\\x");
    append_byte(static_cast<unsigned char>(text.front()), kUpper, out);
    text.remove_prefix(1);
  }
  out.push_back('"');
}

// JSON by hand: a library builds a tree for each line, and passes invalid UTF-8 on.
void append_json_text(std::string_view text, std::string& out) {
  for (append_plain(text, out); !text.empty(); append_plain(text, out)) {
    const base::CodePoint point = base::first_code_point(text).value_or(base::CodePoint{0xFFFD, 1});
    if (point.value == '"' || point.value == '\\') {
      out.push_back('\\');
      out.push_back(text.front());
    } else if (point.value < 0xA0) {  // a control
      out.append("\\u00");
      append_byte(point.value, kLower, out);
    } else if (point.value == 0xFFFD) {
      out.append("\\ufffd");
    } else {
      out.append(text.substr(0, point.bytes));
    }
    text.remove_prefix(point.bytes);
  }
}

// Members of an object, each with a comma behind it, which end_object() makes the end. `name` comes with its quotes and
// the colon, for a line has many and each call counts.
void add(std::string_view name, std::string_view value, std::string& out) {
  if (value.empty()) return;
  out.append(name).push_back('"');
  append_json_text(value, out);
  out.append("\",");
}
void add_number(std::string_view name, std::uint64_t value, std::string& out) {
  out.append(name);
  append_number(value, out);
  out.push_back(',');
}
void add_flag(std::string_view name, bool value, std::string& out) {
  out.append(name).append(value ? "true," : "false,");
}
// Milliseconds with three decimals.
void add_ms(std::string_view name, Micros value, std::string& out) {
  const auto micros = static_cast<std::uint64_t>(std::max<Micros::rep>(value.count(), 0));
  out.append(name);
  append_number(micros / 1000, out);
  const std::uint64_t rest = micros % 1000;
  const std::array<char, 5> decimals{'.', kLower[rest / 100], kLower[rest / 10 % 10], kLower[rest % 10], ','};
  out.append(decimals.data(), decimals.size());
}
void end_object(std::string& out) {
  out.back() = '}';
}

void add_attempt(const Attempt& attempt, std::string& out) {
  out.push_back('{');
  add(R"("backend":)", attempt.backend, out);
  add(R"("result":)", to_string(attempt.result), out);
  if (attempt.status != 0) add_number(R"("status":)", attempt.status, out);
  add_flag(R"("reused":)", attempt.reused, out);
  add_flag(R"("last_resort":)", attempt.last_resort, out);
  if (!attempt.reused && attempt.connected != Micros(0))
    add_ms(R"("connect_ms":)", attempt.connected - attempt.began, out);
  if (attempt.first_byte != Micros(0)) add_ms(R"("first_byte_ms":)", attempt.first_byte - attempt.began, out);
  add_ms(R"("duration_ms":)", attempt.ended - attempt.began, out);
  add(R"("detail":)", attempt.detail, out);
  end_object(out);
}

void add_request_line(std::string_view line, std::string& out) {
  const std::size_t target = line.find(' ') + 1;
  const std::size_t protocol = line.rfind(' ') + 1;
  if (target == 0 || target >= protocol) return;  // it could not be read
  add(R"("method":)", line.substr(0, target - 1), out);
  add(R"("target":)", line.substr(target, protocol - 1 - target), out);
  add(R"("protocol":)", line.substr(protocol), out);
}

}  // namespace

void append_combined(const RequestRecord& record, std::string_view time, std::string& out) {
  const unsigned status = record.status == 0 && record.ending == Ending::client ? kClientLeft : record.status;
  out.append(record.client).append(" - - [").append(time).append("] ");
  append_quoted(record.request_line, out);
  out.append(status == 0 ? " 00" : " ");
  append_number(status, out);
  out.push_back(' ');
  append_number(record.response_body_bytes, out);
  out.push_back(' ');
  append_quoted(record.referer, out);
  out.push_back(' ');
  append_quoted(record.user_agent, out);
  out.push_back('\n');
}

void append_json(const RequestRecord& record, std::string_view time, std::string& out) {
  out.push_back('{');
  add(R"("time":)", time, out);
  add(R"("id":)", record.id, out);
  add(R"("client":)", record.client, out);
  add_request_line(record.request_line, out);
  add(R"("host":)", record.host, out);
  if (record.status != 0) add_number(R"("status":)", record.status, out);
  add_number(R"("request_bytes":)", record.request_body_bytes, out);
  add_number(R"("bytes":)", record.response_body_bytes, out);
  add(R"("referer":)", record.referer, out);
  add(R"("user_agent":)", record.user_agent, out);
  add(R"("traceparent":)", record.traceparent, out);
  add_ms(R"("duration_ms":)", record.total, out);
  if (record.first_byte != Micros(0)) add_ms(R"("first_byte_ms":)", record.first_byte, out);
  add(R"("ended_by":)", to_string(record.ending), out);
  if (record.refusal != Refusal::none) add(R"("refusal":)", to_string(record.refusal), out);
  add(R"("detail":)", record.detail, out);
  if (!record.attempts.empty()) {
    add(R"("backend":)", record.attempts.back().backend, out);
    out.append(R"("attempts":[)");
    for (const Attempt& attempt : record.attempts) {
      add_attempt(attempt, out);
      out.push_back(',');
    }
    out.back() = ']';
    out.push_back(',');
  }
  end_object(out);
  out.push_back('\n');
}

}  // namespace lb::telemetry
