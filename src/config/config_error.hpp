// Mistakes in what the user wrote, and how they are shown. All of them end the program with exit status 2.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/excerpt.hpp"

namespace lb::config {

// One mistake. In a file: file, line and column (from 1), key as a dotted path. On the command line: no file, key is
// the flag with its dash. Parts that are not known are empty or 0 and are left out of the rendered line.
struct ConfigError {
  std::string file{};
  unsigned line = 0;
  unsigned column = 0;
  std::string key{};
  std::string message{};
  // The line of the file, or the argument. Only explain() shows it.
  Excerpt excerpt{};

  bool operator==(const ConfigError&) const = default;
};

using ConfigErrors = std::vector<ConfigError>;

// `file:line:column: key: message` without a line break; safe to print whatever bytes the user wrote.
std::string render(const ConfigError& error);

// Its beginning: `file:line:column: key: `.
std::string render_place(const ConfigError& error);

// One line for each error, each with its line break.
std::string render(const ConfigErrors& errors);

// Either a value or at least one error.
template <class T>
class Checked {
 public:
  Checked(T value) : value_(std::move(value)) {}                       // NOLINT(google-explicit-constructor)
  Checked(ConfigErrors errors) : errors_(std::move(errors)) {}         // NOLINT(google-explicit-constructor)
  Checked(ConfigError error) { errors_.push_back(std::move(error)); }  // NOLINT(google-explicit-constructor)

  [[nodiscard]] bool has_value() const { return value_.has_value(); }
  explicit operator bool() const { return has_value(); }

  // Precondition: has_value().
  [[nodiscard]] const T& value() const& { return *value_; }
  [[nodiscard]] T&& value() && { return *std::move(value_); }

  [[nodiscard]] const ConfigErrors& errors() const { return errors_; }

 private:
  std::optional<T> value_;
  ConfigErrors errors_;
};

// The text with control characters and everything outside ASCII escaped: neither a terminal nor a log line can be taken
// over by what stands in a file.
std::string escaped(std::string_view text);

// The same, cut to a length that a message can bear.
std::string printable(std::string_view text);

// The same in double quotes. (Not "quoted": with a std::string the compiler would find std::quoted as well.)
std::string in_quotes(std::string_view text);

}  // namespace lb::config
