#include "config/json_schema.hpp"

#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

#include "config/load.hpp"
#include "config/schema.hpp"

namespace lb::config {
namespace {

// One or more parts from the largest unit to the smallest; the minLength beside it excludes none at all.
constexpr std::string_view kDurationPattern =
    R"(^([0-9]+(\.[0-9]{1,9})? ?h)?([0-9]+(\.[0-9]{1,9})? ?m)?([0-9]+(\.[0-9]{1,9})? ?s)?([0-9]+(\.[0-9]{1,9})? ?ms)?$)";
constexpr std::string_view kSizePattern = R"(^[0-9]+(\.[0-9]{1,9})? ?([KkMmGg][Ii]?)?[Bb]$)";
// Either, or a lone 0.
constexpr std::string_view kOrZero = "^0$|";

// What is written here is ASCII without control characters.
std::string json_quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
    }
    out += c;
  }
  return out + '"';
}

// An object, one member to a line.
class Object {
 public:
  explicit Object(std::size_t depth) : margin_(2 * depth, ' ') {}

  // `value` is JSON.
  Object& add(std::string_view name, std::string_view value) {
    text_ += (text_.empty() ? "\n" : ",\n") + margin_ + "  " + json_quoted(name) + ": " + std::string(value);
    return *this;
  }

  [[nodiscard]] std::string text() const { return '{' + text_ + '\n' + margin_ + '}'; }

 private:
  std::string margin_;
  std::string text_;
};

std::string description(const KeySpec& key) {
  std::string out(key.help);
  out += " Allowed: " + allowed_text(key);
  if (!key.zero_means.empty() && key.max != kUnbounded) {
    out += "; 0: " + std::string(key.zero_means);
  }
  return out + '.';
}

std::string list_of(std::span<const std::string_view> words) {
  std::string out;
  for (const std::string_view word : words) {
    out += (out.empty() ? "" : ", ") + json_quoted(word);
  }
  return '[' + out + ']';
}

// A text with units, or a lone 0 where that is allowed.
void add_amount(Object& object, const KeySpec& key, std::string_view pattern) {
  if (key.min > 0) {
    object.add("type", json_quoted("string")).add("pattern", json_quoted(pattern)).add("minLength", "1");
  } else {
    object.add("type", list_of(std::vector<std::string_view>{"string", "integer"}));
    object.add("pattern", json_quoted(std::string(kOrZero) + std::string(pattern))).add("minLength", "1");
    object.add("minimum", "0").add("maximum", "0");
  }
}

void add_type(Object& object, const KeySpec& key) {
  switch (key.type) {
    case KeyType::kDuration:
      return add_amount(object, key, kDurationPattern);
    case KeyType::kSize:
      return add_amount(object, key, kSizePattern);
    case KeyType::kUnsigned:
      object.add("type", json_quoted("integer"));
      object.add("minimum", std::to_string(key.min)).add("maximum", std::to_string(key.max));
      return;
    case KeyType::kBool:
      object.add("type", json_quoted("boolean"));
      return;
    case KeyType::kEnum:
      object.add("type", json_quoted("string")).add("enum", list_of(key.choices));
      return;
    case KeyType::kList:
      object.add("type", json_quoted("array")).add("maxItems", std::to_string(key.max));
      object.add("items", "{\"type\": \"string\", \"pattern\": " + json_quoted(key.pattern) + '}');
      return;
    case KeyType::kString:
      object.add("type", json_quoted("string"));
      if (!key.pattern.empty()) {
        object.add("pattern", json_quoted(key.pattern));
      }
      if (key.max > 0) {
        object.add("maxLength", std::to_string(key.max));  // In characters, of which there are no more than bytes.
      }
  }
}

std::string key_object(const KeySpec& key, std::size_t depth) {
  Object object(depth);
  object.add("description", json_quoted(description(key)));
  add_type(object, key);
  if (!key.required) {
    const std::string value = default_text(key);
    // No list has items by default.
    object.add("default", key.type == KeyType::kUnsigned || key.type == KeyType::kBool ? value
                          : key.type == KeyType::kList                                 ? "[]"
                                                                                       : json_quoted(value));
  }
  return object.text();
}

std::string table_object(std::string_view section, std::size_t depth);

// The section itself is empty for the whole file.
bool is_directly_below(std::string_view path, std::string_view section) {
  if (section.empty()) {
    return !path.empty() && path.find('.') == std::string_view::npos;
  }
  return path.size() > section.size() && path.starts_with(section) && path[section.size()] == '.' &&
         path.find('.', section.size() + 1) == std::string_view::npos;
}

std::string array_object(const TableArray& array, std::size_t depth) {
  Object object(depth);
  object.add("description", json_quoted(array.describes));
  object.add("type", json_quoted("array")).add("maxItems", std::to_string(array.max));
  return object.add("items", table_object(array.section, depth + 1)).text();
}

// Its keys, then the sections below it.
std::string properties(std::string_view section, std::size_t depth) {
  Object object(depth);
  for (const KeySpec& key : all_keys()) {
    if (key.section() == section) {
      object.add(key.name(), key_object(key, depth + 1));
    }
  }
  for (const std::string_view below : all_sections()) {
    if (is_directly_below(below, section)) {
      const TableArray* const array = find_table_array(below);
      object.add(below.substr(section.empty() ? 0 : section.size() + 1),
                 array != nullptr ? array_object(*array, depth + 1) : table_object(below, depth + 1));
    }
  }
  return object.text();
}

void add_table(Object& object, std::string_view section, std::size_t depth) {
  object.add("type", json_quoted("object"));
  std::vector<std::string_view> required;
  for (const KeySpec& key : all_keys()) {
    if (key.section() == section && key.required) {
      required.push_back(key.name());
    }
  }
  if (!required.empty()) {
    object.add("required", list_of(required));
  }
  object.add("additionalProperties", "false").add("properties", properties(section, depth + 1));
}

std::string table_object(std::string_view section, std::size_t depth) {
  Object object(depth);
  add_table(object, section, depth);
  return object.text();
}

}  // namespace

std::string json_schema() {
  Object object(0);
  object.add("$schema", json_quoted("https://json-schema.org/draft/2020-12/schema"));
  object.add("title", json_quoted("The configuration file of load-balancer"));
  add_table(object, "", 0);
  return object.text() + '\n';
}

}  // namespace lb::config
