// What values of a key look like: reading, range checks and the messages about them.
#include <algorithm>
#include <charconv>

#include "config/config_error.hpp"
#include "config/nearest_name.hpp"
#include "config/schema.hpp"
#include "config/units.hpp"

namespace lb::config {
namespace {

std::string number_text(KeyType type, std::uint64_t number) {
  switch (type) {
    case KeyType::kBool:
      return number != 0 ? "true" : "false";
    case KeyType::kDuration:
      return format_duration(number);
    case KeyType::kSize:
      return format_size(number);
    default:
      return std::to_string(number);
  }
}

std::string range_text(const KeySpec& key) {
  if (key.max == kUnbounded) {
    return key.zero_means.empty() ? "" : " (0: " + std::string(key.zero_means) + ')';
  }
  // Plain numbers read on as one phrase: a whole number between 0 and 65535.
  const std::string_view separator = key.type == KeyType::kUnsigned ? " " : ", ";
  return std::string(separator) + "between " + number_text(key.type, key.min) + " and " +
         number_text(key.type, key.max);
}

std::string joined(std::span<const std::string_view> words) {
  std::string out;
  for (const std::string_view word : words) {
    out += (out.empty() ? "" : ", ") + std::string(word);
  }
  return out;
}

bool in_range(const KeySpec& key, std::uint64_t number) {
  return number >= key.min && number <= key.max;
}

std::string advice(const KeySpec& key) {
  return "; write " + allowed_text(key);
}

std::string out_of_range_message(const KeySpec& key, const std::string& found) {
  if (key.type == KeyType::kUnsigned) {
    return found + " is not " + allowed_text(key);
  }
  return found + " is out of range" + advice(key);
}

std::optional<std::string> assign_amount(const KeySpec& key, std::string_view text, Config& config) {
  const Amount amount = key.type == KeyType::kDuration ? parse_duration(text) : parse_size(text);
  if (!amount.ok()) {
    return in_quotes(text) + ' ' + amount.problem + advice(key);
  }
  if (!in_range(key, amount.amount)) {
    return out_of_range_message(key, in_quotes(text));
  }
  key.set(config, amount.amount);
  return std::nullopt;
}

std::optional<std::string> assign_digits(const KeySpec& key, std::string_view text, Config& config) {
  std::uint64_t number = 0;
  const char* const text_end = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), text_end, number);
  if (text.empty() || error != std::errc{} || end != text_end || !in_range(key, number)) {
    return out_of_range_message(key, in_quotes(text));
  }
  key.set(config, number);
  return std::nullopt;
}

std::optional<std::string> assign_choice(const KeySpec& key, std::string_view text, Config& config) {
  if (std::find(key.choices.begin(), key.choices.end(), text) == key.choices.end()) {
    const std::optional<std::string_view> nearest = nearest_name(text, key.choices);
    return in_quotes(text) + " is not " + allowed_text(key) +
           (nearest ? "; did you mean " + std::string(*nearest) + '?' : std::string());
  }
  key.set(config, std::string(text));
  return std::nullopt;
}

std::optional<std::string> assign_string(const KeySpec& key, std::string_view text, Config& config) {
  if (const std::string problem = key.problem(text); !problem.empty()) {
    return in_quotes(key.shown != nullptr ? key.shown(text) : text) + ' ' + problem + advice(key);
  }
  key.set(config, std::string(text));
  return std::nullopt;
}

std::optional<std::string> assign_list(const KeySpec& key, std::string_view text, Config& config) {
  const std::vector<std::string> items = items_of(text);
  for (const std::string& item : items) {
    if (auto message = check_item(key, item)) return message;
  }
  if (items.size() > key.max) return "there are more than " + std::to_string(key.max) + advice(key);
  key.set(config, std::string(text));
  return std::nullopt;
}

std::string_view type_noun(KeyType type) {
  switch (type) {
    case KeyType::kDuration:
      return "a duration";
    case KeyType::kSize:
      return "a size";
    default:
      return "a string";
  }
}

}  // namespace

std::string value_text(const KeySpec& key, const Config& config) {
  const Value value = key.get(config);
  if (const auto* text = std::get_if<std::string>(&value)) {
    return *text;
  }
  return number_text(key.type, std::get<std::uint64_t>(value));
}

std::string default_text(const KeySpec& key) {
  return value_text(key, config_with_tables());
}

std::string allowed_text(const KeySpec& key) {
  switch (key.type) {
    case KeyType::kDuration:
      return "a number with one of " + std::string(kDurationUnits) + range_text(key);
    case KeyType::kSize:
      return "a number with one of " + std::string(kSizeUnits) + range_text(key);
    case KeyType::kUnsigned:
      return "a whole number" + range_text(key);
    case KeyType::kBool:
      return "true or false";
    case KeyType::kEnum:
      return "one of " + joined(key.choices);
    case KeyType::kString:
    case KeyType::kList:
      break;
  }
  return std::string(key.format);
}

std::vector<std::string> items_of(std::string_view value) {
  constexpr std::string_view kSeparator = ", ";
  std::vector<std::string> items;
  while (!value.empty()) {
    const std::size_t end = std::min(value.find(kSeparator), value.size());
    items.emplace_back(value.substr(0, end));
    value.remove_prefix(std::min(end + kSeparator.size(), value.size()));
  }
  return items;
}

std::optional<std::string> check_item(const KeySpec& key, std::string_view item) {
  const std::string problem = key.problem(item);
  if (problem.empty()) return std::nullopt;
  return in_quotes(item) + ' ' + problem + advice(key);
}

std::optional<std::string> assign_text(const KeySpec& key, std::string_view text, Config& config) {
  switch (key.type) {
    case KeyType::kDuration:
    case KeyType::kSize:
      return assign_amount(key, text, config);
    case KeyType::kUnsigned:
      return assign_digits(key, text, config);
    case KeyType::kBool:
      if (text != "true" && text != "false") return in_quotes(text) + " is not " + allowed_text(key);
      return assign_bool(key, text == "true", config);
    case KeyType::kEnum:
      return assign_choice(key, text, config);
    case KeyType::kList:
      return assign_list(key, text, config);
    case KeyType::kString:
      break;
  }
  return assign_string(key, text, config);
}

std::optional<std::string> assign_integer(const KeySpec& key, std::int64_t number, Config& config) {
  if (key.type == KeyType::kString || key.type == KeyType::kEnum || key.type == KeyType::kList ||
      key.type == KeyType::kBool) {
    return wrong_type_message(key, std::to_string(number));
  }
  if (key.type != KeyType::kUnsigned && number != 0) {
    return std::to_string(number) + " has no unit" + advice(key) + ", in quotes";
  }
  if (number < 0 || !in_range(key, static_cast<std::uint64_t>(number))) {
    return out_of_range_message(key, std::to_string(number));
  }
  key.set(config, static_cast<std::uint64_t>(number));
  return std::nullopt;
}

std::optional<std::string> assign_bool(const KeySpec& key, bool value, Config& config) {
  if (key.type != KeyType::kBool) return wrong_type_message(key, value ? "true" : "false");
  key.set(config, std::uint64_t{value ? 1U : 0U});
  return std::nullopt;
}

std::string_view wrong_part(const KeySpec& key, std::string_view text) {
  return key.wrong_part != nullptr ? key.wrong_part(text) : text;
}

std::string wrong_type_message(const KeySpec& key, std::string_view found) {
  if (key.type == KeyType::kUnsigned || key.type == KeyType::kBool) {
    return std::string(found) + " is not " + allowed_text(key);
  }
  if (key.type == KeyType::kList) {
    return std::string(found) + " is not a list" + advice(key);
  }
  return std::string(found) + " is not " + std::string(type_noun(key.type)) + advice(key) + ", in quotes";
}

}  // namespace lb::config
