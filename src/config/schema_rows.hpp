// What the rows of the table of keys are made with.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "config/schema.hpp"

namespace lb::config {

// Wider than the check below, for JSON Schema: editors have only this.
inline constexpr std::string_view kAddressPattern = "^[0-9A-Fa-f:.]+(%[0-9A-Za-z._-]+)?$";
inline constexpr std::string_view kFilePattern = R"(^[^\x00-\x1f\x7f]*$)";
// Empty, or what is wrong.
[[nodiscard]] std::string address_problem(std::string_view text);
[[nodiscard]] std::string file_problem(std::string_view text);
[[nodiscard]] std::string token_problem(std::string_view text);

// The rows of each table, in the files keys_*.cpp.
void add_top_keys(std::vector<KeySpec>& keys);     // those of no section
void add_server_keys(std::vector<KeySpec>& keys);  // and [shutdown]
void add_tls_keys(std::vector<KeySpec>& keys);     // [[listeners]], [[certificates]], [tls], [acme]
void add_backend_tls_keys(std::vector<KeySpec>& keys);
void add_backend_keys(std::vector<KeySpec>& keys);
void add_balance_keys(std::vector<KeySpec>& keys);  // and [outliers]
void add_retry_keys(std::vector<KeySpec>& keys);
void add_health_keys(std::vector<KeySpec>& keys);
void add_pool_keys(std::vector<KeySpec>& keys);
void add_resolver_keys(std::vector<KeySpec>& keys);
void add_admin_keys(std::vector<KeySpec>& keys);
void add_log_keys(std::vector<KeySpec>& keys);

// Field is a stateless lambda that names the field; one spelling serves reading and writing.
template <auto Field>
Value get_field(const Config& config) {
  const auto& field = Field(config);
  using Type = std::remove_cvref_t<decltype(field)>;
  if constexpr (std::is_same_v<Type, std::string>) {
    return field;
  } else if constexpr (std::is_same_v<Type, Duration>) {
    return static_cast<std::uint64_t>(field.count());
  } else {
    return static_cast<std::uint64_t>(field);
  }
}

template <auto Field>
void set_field(Config& config, const Value& value) {
  auto& field = Field(config);
  using Type = std::remove_cvref_t<decltype(field)>;
  if constexpr (std::is_same_v<Type, std::string>) {
    field = std::get<std::string>(value);
  } else if constexpr (std::is_same_v<Type, Duration>) {
    field = Duration(static_cast<Duration::rep>(std::get<std::uint64_t>(value)));
  } else {
    field = static_cast<Type>(std::get<std::uint64_t>(value));
  }
}

struct Range {
  std::uint64_t min;
  std::uint64_t max;
  std::string_view zero_means = {};
};

template <auto Field>
KeySpec number(std::string_view path, KeyType type, const Range& range, std::string_view help) {
  return {.path = path,
          .type = type,
          .min = range.min,
          .max = range.max,
          .zero_means = range.zero_means,
          .help = help,
          .get = get_field<Field>,
          .set = set_field<Field>};
}

template <auto Field>
KeySpec duration(std::string_view path, const Range& range, std::string_view help) {
  return number<Field>(path, KeyType::kDuration, range, help);
}

template <auto Field>
KeySpec size(std::string_view path, const Range& range, std::string_view help) {
  return number<Field>(path, KeyType::kSize, range, help);
}

template <auto Field>
KeySpec count(std::string_view path, const Range& range, std::string_view help) {
  return number<Field>(path, KeyType::kUnsigned, range, help);
}

template <auto Field>
KeySpec boolean(std::string_view path, std::string_view help) {
  return number<Field>(path, KeyType::kBool, {0, 1}, help);
}

template <auto Field>
KeySpec choice(std::string_view path, std::span<const std::string_view> choices, std::string_view help) {
  return {.path = path,
          .type = KeyType::kEnum,
          .choices = choices,
          .help = help,
          .get = get_field<Field>,
          .set = set_field<Field>};
}

// A text with a check of its own: empty, or `is not a path`.
template <auto Field>
KeySpec text(std::string_view path, std::string_view format, std::string (*problem)(std::string_view),
             std::string_view pattern, std::string_view help) {
  return {.path = path,
          .format = format,
          .problem = problem,
          .pattern = pattern,
          .help = help,
          .get = get_field<Field>,
          .set = set_field<Field>};
}

}  // namespace lb::config
