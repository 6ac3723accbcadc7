// The Cookie field of requests (RFC 6265 section 4.2).
#pragma once

#include <string>
#include <string_view>

#include "http/message.hpp"

namespace lb::http {

// The value of the first cookie with this name, as it was sent; empty: there is none.
[[nodiscard]] std::string_view cookie_value(const Fields& fields, std::string_view name) noexcept;

[[nodiscard]] bool has_cookie(std::string_view value, std::string_view name) noexcept;

// What is left of a field's value without the cookies of this name; the others as they stand.
[[nodiscard]] std::string without_cookie(std::string_view value, std::string_view name);

}  // namespace lb::http
