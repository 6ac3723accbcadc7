#include "admin/json_text.hpp"

#include <array>
#include <charconv>
#include <cmath>

#include <boost/json/serialize.hpp>

namespace lb::admin {
namespace {

namespace json = boost::json;

void append_number(std::string& out, double number) {
  if (!std::isfinite(number)) {
    out += "null";  // JSON has no other word for it
    return;
  }
  std::array<char, 400> digits;  // the greatest double has 309 before the point
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number, std::chars_format::fixed, 3).ptr;
  std::string_view text(digits.data(), static_cast<std::size_t>(end - digits.data()));
  text = text.substr(0, text.find_last_not_of('0') + 1);
  if (text.ends_with('.')) text.remove_suffix(1);
  out += text == "-0" ? "0" : text;
}

void append(std::string& out, const json::value& value) {
  if (const json::object* const object = value.if_object()) {
    out += '{';
    for (const json::key_value_pair& member : *object) {
      if (&member != &*object->begin()) out += ',';
      out += json::serialize(member.key());
      out += ':';
      append(out, member.value());
    }
    out += '}';
  } else if (const json::array* const array = value.if_array()) {
    out += '[';
    for (const json::value& element : *array) {
      if (&element != array->data()) out += ',';
      append(out, element);
    }
    out += ']';
  } else if (const double* const number = value.if_double()) {
    append_number(out, *number);
  } else {
    out += json::serialize(value);
  }
}

}  // namespace

std::string json_text(const json::value& value) {
  std::string text;
  append(text, value);
  return text;
}

}  // namespace lb::admin
