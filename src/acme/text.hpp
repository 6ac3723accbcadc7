// Texts to and from the authority.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace lb::acme {

// RFC 4648 section 5, without padding, as RFC 7515 has it.
[[nodiscard]] std::string base64url(std::span<const unsigned char> bytes);
[[nodiscard]] std::string base64url(std::string_view bytes);
// Whether it consists of those letters, and there is one.
[[nodiscard]] bool is_base64url(std::string_view text) noexcept;

// What somebody else wrote, for a line of a log: without control characters or what turns the direction of text, and
// not longer than kSaidBytesMax.
[[nodiscard]] std::string harmless(std::string_view text);

// An address by https of a bearable length, without spaces or control characters.
[[nodiscard]] bool is_url(std::string_view text) noexcept;

}  // namespace lb::acme
