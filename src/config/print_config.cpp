#include "config/print_config.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <string_view>

#include "base/utf8.hpp"
#include "config/config_error.hpp"
#include "config/schema.hpp"

namespace lb::config {
namespace {

// Where the origins begin, unless a value is longer.
constexpr std::size_t kOriginColumn = 40;

// A basic string (TOML 1.0, section "String") in ASCII, which is all that a file may be.
std::string toml_string(std::string_view text) {
  std::string out = "\"";
  while (!text.empty()) {
    // A value from a file or a flag is valid UTF-8: the library and the checks of the keys see to that.
    const base::CodePoint point = base::first_code_point(text).value_or(base::CodePoint{0xFFFD, 1});
    if (point.value == '"' || point.value == '\\') {
      out += '\\';
    }
    if (point.value >= 0x20 && point.value < 0x7F) {
      out += static_cast<char>(point.value);
    } else {
      std::array<char, 8> digits{};
      const auto end = std::to_chars(digits.begin(), digits.end(), static_cast<std::uint32_t>(point.value), 16).ptr;
      const auto count = static_cast<std::size_t>(end - digits.begin());
      out += count <= 4 ? "\\u" + std::string(4 - count, '0') : "\\U" + std::string(8 - count, '0');
      out.append(digits.data(), count);
    }
    text.remove_prefix(point.bytes);
  }
  return out + '"';
}

std::string toml_value(const KeySpec& key, const std::string& value) {
  if (key.type == KeyType::kUnsigned || key.type == KeyType::kBool) return value;
  if (key.type != KeyType::kList) return toml_string(value);
  std::string out;
  for (const std::string& item : items_of(value)) out += (out.empty() ? "" : ", ") + toml_string(item);
  return '[' + out + ']';
}

std::string key_line(const KeySpec& key, const Config& config, const std::string& path, const Origins& origins) {
  std::string value = value_text(key, config);
  // What a file holds is named by that file: both together would be refused when they are read again.
  if (key.path == "admin.token" && !config.admin.token_file.empty()) value.clear();
  if (key.shown != nullptr && !value.empty()) value = key.shown(value);  // this ends in reports of problems
  std::string line = std::string(key.name()) + " = " + toml_value(key, value) + ' ';
  line.resize(std::max(line.size(), kOriginColumn), ' ');
  const auto origin = origins.find(path);
  return line + "# " + (origin != origins.end() ? escaped(origin->second) : "default") + '\n';
}

// `place`: what stands for the section in the paths of the origins.
std::string section_lines(std::string_view section, const Config& config, const std::string& place,
                          const Origins& origins) {
  std::string out;
  for (const KeySpec& key : all_keys()) {
    if (key.section() == section) {
      out += key_line(key, config, (place.empty() ? "" : place + '.') + std::string(key.name()), origins);
    }
  }
  return out;
}

std::string tables_of(const TableArray& array, const Config& config, const Origins& origins) {
  std::string out;
  for (std::size_t i = 0; i < array.size(config); ++i) {
    const std::string section(array.section);
    out += "\n[[" + section + "]]\n" +
           section_lines(section, array.only(config, i), section + '.' + std::to_string(i), origins);
  }
  return out;
}

}  // namespace

std::string print_config(const Config& config, const Origins& origins) {
  std::string out = "# Every value in force, and where it came from: a default, a line of a file, or a flag.\n";
  for (const std::string_view section : all_sections()) {
    if (const TableArray* const array = find_table_array(section)) {
      out += tables_of(*array, config, origins);
    } else if (section.empty()) {
      out += section_lines(section, config, "", origins);
    } else {
      out += "\n[" + std::string(section) + "]\n" + section_lines(section, config, std::string(section), origins);
    }
  }
  return out;
}

}  // namespace lb::config
