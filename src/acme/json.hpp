// Reading JSON that somebody else has written: what is not as it should be is as if it were not there.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <boost/json/object.hpp>

namespace lb::acme {

// Nothing: it is no JSON, or no object.
[[nodiscard]] std::optional<boost::json::object> read_object(std::string_view text);
// Empty: there is no such member, or it is no text.
[[nodiscard]] std::string text_of(const boost::json::object& object, std::string_view name);
// 0: there is no such member, or it is no whole number of those of a std::int64_t.
[[nodiscard]] std::int64_t number_of(const boost::json::object& object, std::string_view name);

}  // namespace lb::acme
