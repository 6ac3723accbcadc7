#include "config/units.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <span>

#include "config/config_error.hpp"

namespace lb::config {
namespace {

struct Unit {
  std::string_view name;
  std::uint64_t factor;
};

constexpr std::uint64_t kKibi = 1024;
// From the largest to the smallest: formatting takes the first that divides, combined durations go down the list.
constexpr std::array kDurations = {Unit{"h", 3'600'000}, Unit{"m", 60'000}, Unit{"s", 1'000}, Unit{"ms", 1}};
constexpr std::array kSizes = {
    Unit{"GiB", kKibi* kKibi* kKibi}, Unit{"MiB", kKibi* kKibi}, Unit{"KiB", kKibi}, Unit{"B", 1},
    Unit{"GB", 1'000'000'000},        Unit{"MB", 1'000'000},     Unit{"KB", 1'000}};
// Decimal units are read but never written.
constexpr std::size_t kWrittenSizes = 4;

// Enough for the nanoseconds of an hour; more digits are a slip of the finger.
constexpr std::size_t kFractionDigitsMax = 9;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool equals_ignoring_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) { return lower(x) == lower(y); });
}

std::string_view take_while(std::string_view& text, bool (*wanted)(char)) {
  std::size_t length = 0;
  while (length < text.size() && wanted(text[length])) {
    ++length;
  }
  const std::string_view taken = text.substr(0, length);
  text.remove_prefix(length);
  return taken;
}

// sum = sum * factor + term, or false if that does not fit.
bool multiply_add(std::uint64_t& sum, std::uint64_t factor, std::uint64_t term) {
  return !__builtin_mul_overflow(sum, factor, &sum) && !__builtin_add_overflow(sum, term, &sum);
}

std::optional<std::uint64_t> to_number(std::string_view digits) {
  std::uint64_t number = 0;
  for (const char c : digits) {
    if (!multiply_add(number, 10, static_cast<std::uint64_t>(c - '0'))) {
      return std::nullopt;
    }
  }
  return number;
}

struct Part {
  std::string_view whole;
  std::string_view fraction;
  std::string_view unit;
};

// Takes one number with its unit off the front; nothing if the text does not even start like one.
std::optional<Part> take_part(std::string_view& text) {
  Part part;
  part.whole = take_while(text, is_digit);
  if (part.whole.empty()) {
    return std::nullopt;
  }
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    part.fraction = take_while(text, is_digit);
    if (part.fraction.empty() || part.fraction.size() > kFractionDigitsMax) {
      return std::nullopt;
    }
  }
  if (text.starts_with(' ')) {
    text.remove_prefix(1);
  }
  part.unit = take_while(text, [](char c) { return !is_digit(c); });
  return part;
}

// Integers only: "0.1s" must be 100 ms on every machine.
Amount amount_of(const Part& part, std::uint64_t factor, std::string_view too_fine) {
  const std::optional<std::uint64_t> whole = to_number(part.whole);
  std::uint64_t scale = 1;
  std::uint64_t fraction = 0;
  for (const char c : part.fraction) {
    scale *= 10;
    fraction = fraction * 10 + static_cast<std::uint64_t>(c - '0');
  }
  std::uint64_t amount = whole.value_or(0);
  // fraction < 10^9 and factor <= 2^30: the product fits.
  if (!whole || !multiply_add(amount, factor, fraction * factor / scale)) {
    return {.problem = "is too large"};
  }
  if (fraction * factor % scale != 0) {
    return {.problem = std::string(too_fine)};
  }
  return {.amount = amount};
}

Amount unit_problem(std::string_view unit) {
  if (unit.empty()) {
    return {.problem = "has no unit"};
  }
  return {.problem = "has an unknown unit " + in_quotes(unit)};
}

std::string format(std::uint64_t amount, std::span<const Unit> units) {
  if (amount != 0) {
    for (const Unit& unit : units) {
      if (amount % unit.factor == 0) {
        return std::to_string(amount / unit.factor) + std::string(unit.name);
      }
    }
  }
  return "0";
}

}  // namespace

Amount parse_duration(std::string_view text) {
  if (text == "0") {
    return {};
  }
  if (text.empty()) {
    return {.problem = "is not a duration"};
  }
  std::uint64_t total = 0;
  std::size_t next_unit = 0;
  while (!text.empty()) {
    const std::optional<Part> part = take_part(text);
    if (!part) {
      return {.problem = "is not a duration"};
    }
    const auto* unit =
        std::find_if(kDurations.begin(), kDurations.end(), [&](const Unit& u) { return u.name == part->unit; });
    if (unit == kDurations.end()) {
      return unit_problem(part->unit);
    }
    const auto index = static_cast<std::size_t>(unit - kDurations.begin());
    if (index < next_unit) {
      return {.problem = "is not a duration"};
    }
    next_unit = index + 1;
    Amount amount = amount_of(*part, unit->factor, "is finer than 1ms");
    if (!amount.ok()) {
      return amount;
    }
    if (!multiply_add(total, 1, amount.amount)) {
      return {.problem = "is too large"};
    }
  }
  return {.amount = total};
}

Amount parse_size(std::string_view text) {
  if (text == "0") {
    return {};
  }
  const std::optional<Part> part = take_part(text);
  if (!part || !text.empty()) {
    return {.problem = "is not a size"};
  }
  for (const Unit& unit : kSizes) {
    if (equals_ignoring_case(unit.name, part->unit)) {
      return amount_of(*part, unit.factor, "is not a whole number of bytes");
    }
  }
  return unit_problem(part->unit);
}

std::string format_duration(std::uint64_t milliseconds) {
  return milliseconds == 0 ? "0s" : format(milliseconds, kDurations);
}

std::string format_size(std::uint64_t bytes) {
  return bytes == 0 ? "0B" : format(bytes, std::span(kSizes).first(kWrittenSizes));
}

}  // namespace lb::config
