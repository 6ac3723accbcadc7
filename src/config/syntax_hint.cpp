#include "config/syntax_hint.hpp"

#include <algorithm>

#include "config/config_error.hpp"
#include "config/schema.hpp"
#include "config/url.hpp"

namespace lb::config {
namespace {

std::string_view trim(std::string_view text) {
  constexpr std::string_view kSpaces = " \t";
  const std::size_t begin = std::min(text.find_first_not_of(kSpaces), text.size());
  text.remove_prefix(begin);
  return text.substr(0, text.find_last_not_of(kSpaces) + 1);
}

// A key with this name that takes text, or null, in whatever section: which one the line is in cannot be told while the
// syntax is broken.
const KeySpec* key_of_text(std::string_view name) {
  const auto found = std::ranges::find_if(all_keys(), [&](const KeySpec& key) {
    return key.name() == name && key.type != KeyType::kUnsigned && key.type != KeyType::kBool &&
           key.type != KeyType::kList;
  });
  return found == all_keys().end() ? nullptr : &*found;
}

// A line as "key = value", or with the colon of other formats.
struct Parts {
  std::string_view key;
  std::string_view value;
  bool has_sign = false;
};

Parts split(std::string_view line) {
  line = line.substr(0, line.find(" #"));
  const std::size_t sign = line.find_first_of("=:");
  if (sign == std::string_view::npos) return {.key = trim(line), .value = {}};
  return {.key = trim(line.substr(0, sign)), .value = trim(line.substr(sign + 1)), .has_sign = true};
}

// Nothing, unless a text stands there without quotes.
std::string quotes_hint(const Parts& parts) {
  const bool is_bare = !parts.value.empty() && parts.value.find_first_of("\"'[]{},#") == std::string_view::npos;
  const KeySpec* const known = key_of_text(parts.key.substr(parts.key.rfind('.') + 1));
  if (!parts.has_sign || !is_bare || known == nullptr) return {};
  const std::string shown = known->shown != nullptr ? known->shown(parts.value) : without_userinfo(parts.value);
  return "text needs quotes: " + printable(parts.key) + " = " + in_quotes(shown);
}

// What stands between the first two single quotes: the library's name for a key or a table.
std::string named(std::string_view problem) {
  const std::size_t begin = problem.find('\'');
  if (begin == std::string_view::npos) return "this";
  return printable(problem.substr(begin + 1, problem.find('\'', begin + 1) - begin - 1));
}

std::string redefinition_message(std::string_view problem, std::string_view line) {
  const auto says = [&](std::string_view words) { return problem.find(words) != std::string_view::npos; };
  const std::string name = named(problem);
  if (says("dotted")) return "the key before the dot has a value already, or is a section; it cannot be both";
  if (says("as array-of-tables")) return name + " is there already, written otherwise; write [[" + name + "]] for each";
  if (says("existing array") && says("as table")) return name + " is a list; write [[" + name + "]] for each of it";
  if (says("as table")) return name + " has a value already, and cannot be a section, too";
  if (trim(line).starts_with('[')) return "[" + name + "] is there already; write its keys below the first one";
  return name + " is given a second time; keep one of them";
}

std::string missing_sign_message(std::string_view problem, const Parts& parts) {
  if (problem.find("saw ':'") != std::string_view::npos) {
    const std::string hint = quotes_hint(parts);
    return "a key and its value are joined by \"=\", not by a colon" + (hint.empty() ? hint : "; " + hint);
  }
  const std::size_t space = parts.key.find_first_of(" \t");
  if (parts.key.find('{') != std::string_view::npos)
    return "a section is written [name], with its keys below, without braces";
  if (parts.has_sign && space != std::string_view::npos) return "a key has no spaces; is a \"=\" missing before this?";
  return "a \"=\" is missing between the key and its value";
}

std::string line_begin_message(std::string_view line) {
  const std::string_view text = trim(line);
  if (text.starts_with('/') || text.starts_with(';')) return "a comment begins with \"#\"";
  if (text.starts_with('{') || text.starts_with('<')) {
    return "this is another format; the file is TOML: [server], and below it port = 3030";
  }
  if (text.starts_with('=')) return "there is no key before the \"=\"";
  return "a line is a [section], key = value, or a comment that begins with \"#\"";
}

std::string string_message(std::string_view problem, std::string_view line, std::size_t column) {
  if (problem.find("escape sequence") != std::string_view::npos || problem.find("unicode") != std::string_view::npos) {
    return "what follows the backslash is no escape of TOML; write the backslash twice, or the text in single quotes";
  }
  if (column > line.size() && trim(line).ends_with("\\\"")) {
    return "a backslash before a quote makes it part of the text; is a closing quote missing? Write the backslash "
           "twice, "
           "or the text in single quotes";
  }
  return "the text does not end with its line; is a closing quote missing?";
}

std::string header_message(std::string_view problem, std::string_view line) {
  const auto says = [&](std::string_view words) { return problem.find(words) != std::string_view::npos; };
  if (says("blank")) return "a section needs a name: [server]";
  if (says("expected ']'")) {
    const bool is_list = trim(line).starts_with("[[");
    return std::string("the name of a section ends with ") + (is_list ? "\"]]\"" : "\"]\"") +
           ", and has no spaces: " + (is_list ? "[[backends]]" : "[server]");
  }
  return "nothing but a comment may follow a section's name; its keys stand in lines of their own";
}

std::string list_message(std::string_view problem) {
  const auto says = [&](std::string_view words) { return problem.find(words) != std::string_view::npos; };
  if (says("dangling comma")) return "no comma may stand before the closing brace";
  if (says("inline table")) {
    return "a table in braces ends in the line where it begins; write [section] and each key in a line of its own";
  }
  return "the list that began with \"[\" is not closed; is a comma or a \"]\" missing?";
}

std::string value_message(std::string_view problem) {
  const auto says = [&](std::string_view words) { return problem.find(words) != std::string_view::npos; };
  if (says("expected value")) return "there is no value behind the \"=\"";
  if (says("leading zero")) return "a number does not begin with 0";
  if (says("not representable")) return "the number is too large";
  return "this is no value: neither a number, nor true or false, nor a text, which would begin with \"";
}

}  // namespace

// By the library's words. One that is not known here is shown as it is.
std::string syntax_message(std::string_view problem, std::string_view line, std::size_t column) {
  const auto says = [&](std::string_view words) { return problem.find(words) != std::string_view::npos; };
  const Parts parts = split(line);
  if (says("cannot redefine")) return redefinition_message(problem, line);
  if (says("parsing string") || says("literal string") || says("unicode scalar")) {
    return string_message(problem, line, column);
  }
  if (says("table header")) return header_message(problem, line);
  if (says("parsing array") || says("inline table")) return list_message(problem);
  if (says("expected '='")) return missing_sign_message(problem, parts);
  if (says("root table")) return line_begin_message(line);
  if (says("bare key")) return "a part of the key is missing: before a dot, behind one, or between two";
  if (says("after '\\r'")) return "a carriage return stands alone; lines end with a line feed";
  const bool is_key = parts.has_sign && column <= line.find_first_of("=:");
  const std::string hint = is_key ? std::string() : quotes_hint(parts);
  if (!hint.empty()) return "this is no value; " + hint;
  if (says("comment or whitespace")) return "nothing but a comment may follow a value; each key has a line of its own";
  for (const std::string_view kind : {"integer", "floating-point", "boolean", "date", "time", "value"}) {
    if (says(kind)) return value_message(problem);
  }
  return "this is no TOML: " + printable(problem);
}

}  // namespace lb::config
