// Every key of the configuration, in one table. Reading, range checks, hints, help and documentation all come from it:
// a new key is one new row here and one new field in Config.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "config/config.hpp"

namespace lb::config {

enum class KeyType { kDuration, kSize, kUnsigned, kBool, kString, kEnum, kList };

// Milliseconds, bytes, a plain number, 0 or 1 for false or true; or text. Of a list, its items with ", " between them:
// none has a comma.
using Value = std::variant<std::uint64_t, std::string>;

struct KeySpec {
  // Dotted path. The keys of `backends` exist once for each backend.
  std::string_view path{};
  KeyType type = KeyType::kString;
  // Numbers: both ends are allowed. kString: `max` is the greatest length in bytes, unless it is 0; kList: of items.
  std::uint64_t min = 0;
  std::uint64_t max = 0;
  // Numbers: what 0 means beyond nothing; may be empty.
  std::string_view zero_means{};
  // kEnum: the words allowed.
  std::span<const std::string_view> choices{};
  // kString, and the items of a kList: what is allowed, for messages, and the check: empty or `is not an IP address`.
  std::string_view format{};
  std::string (*problem)(std::string_view text) = nullptr;
  // kString: how messages, and reports of the configuration, show a text; null: as it is.
  std::string (*shown)(std::string_view text) = nullptr;
  // kString: which part of a wrong text is at fault; null: all of it.
  std::string_view (*wrong_part)(std::string_view text) = nullptr;
  // kString: a regular expression that every allowed text matches, and few others do; empty: any text is allowed.
  std::string_view pattern{};
  bool required = false;
  // What it does and when to change it: one sentence for the documentation.
  std::string_view help{};
  // Precondition of both, for keys of an array of tables: there is a table; the last one is meant. set() takes checked
  // values only.
  Value (*get)(const Config&) = nullptr;
  void (*set)(Config&, const Value&) = nullptr;

  // "server.timeouts" and "header" of "server.timeouts.header".
  [[nodiscard]] std::string_view section() const;
  [[nodiscard]] std::string_view name() const;
};

// No upper bound but the type's.
inline constexpr std::uint64_t kUnbounded = UINT64_MAX;

// A section that is an array of tables: [[backends]] and its like.
struct TableArray {
  std::string_view section{};
  std::string_view one{};        // "a backend"
  std::string_view several{};    // "backends"
  std::string_view example{};    // what stands below the header: `url = "http://host:port"`
  std::string_view describes{};  // for the JSON Schema
  std::size_t max = 0;
  std::size_t (*size)(const Config&) = nullptr;
  void (*add)(Config&) = nullptr;                        // one more, the last
  Config (*only)(const Config&, std::size_t) = nullptr;  // a configuration with this one alone
};
std::span<const TableArray> table_arrays();
// Null: the section is none.
const TableArray* find_table_array(std::string_view section);
// With one table in each array, so that every key can be read and written.
Config config_with_tables();

inline constexpr std::string_view kBackendsSection = "backends";

// In the order in which documentation shows them; those of no section first, as a file has to have them. Lives as long
// as the program.
std::span<const KeySpec> all_keys();

// "server", "server.timeouts", ..., each once.
std::span<const std::string_view> all_sections();

// The key with exactly this path, or null.
const KeySpec* find_key(std::string_view path);

// What the key is if nobody sets it, as text that reads back: "10s", "64KiB", "3030", "info". Empty for a required key.
std::string default_text(const KeySpec& key);

// The value in a configuration, in the same form.
std::string value_text(const KeySpec& key, const Config& config);

// "a whole number between 0 and 65535": ends the sentence `write ...`.
std::string allowed_text(const KeySpec& key);

// Checks what the user wrote and stores it. Nothing if all is well; otherwise the whole message, and the configuration
// is untouched. Text is what a flag or a string in a file gives; integers and booleans can only come from a file.
std::optional<std::string> assign_text(const KeySpec& key, std::string_view text, Config& config);
std::optional<std::string> assign_integer(const KeySpec& key, std::int64_t number, Config& config);
std::optional<std::string> assign_bool(const KeySpec& key, bool value, Config& config);

// Of a kList: what is wrong with one item, as a whole message, if anything is. Its value goes through assign_text().
std::optional<std::string> check_item(const KeySpec& key, std::string_view item);
std::vector<std::string> items_of(std::string_view value);

// Which part of a text that assign_text() refuses is at fault.
std::string_view wrong_part(const KeySpec& key, std::string_view text);

// The message for a value of a type that no key has, or not this one; `found` says what it is: "true", "an array".
std::string wrong_type_message(const KeySpec& key, std::string_view found);

}  // namespace lb::config
