#include "acme/json.hpp"

#include <boost/json/parse.hpp>

namespace lb::acme {

namespace json = boost::json;

std::optional<json::object> read_object(std::string_view text) {
  boost::system::error_code code;
  json::value value = json::parse(json::string_view(text.data(), text.size()), code);
  if (code || !value.is_object()) return std::nullopt;
  return std::move(value.get_object());
}

std::string text_of(const json::object& object, std::string_view name) {
  const json::value* const value = object.if_contains(json::string_view(name.data(), name.size()));
  if (value == nullptr || !value->is_string()) return {};
  const json::string& text = value->get_string();
  return {text.data(), text.size()};
}

std::int64_t number_of(const json::object& object, std::string_view name) {
  const json::value* const value = object.if_contains(json::string_view(name.data(), name.size()));
  if (value == nullptr || !value->is_int64()) return 0;
  return value->get_int64();
}

}  // namespace lb::acme
