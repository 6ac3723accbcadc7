// Who may ask the admin interface what.
//
// What listens on loopback can still be reached by every web page that a browser on this machine shows: by its own
// name that resolves to 127.0.0.1 (DNS rebinding), and by requests that need no permission to be sent (forged ones).
// The Host of the first is a foreign name; the second cannot be a POST of application/json, and browsers name their
// site.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "admin/message.hpp"
#include "admin/routes.hpp"

namespace lb::admin {

// Whether a Host field names this machine in a way that no foreign page can: localhost, or an address. Empty is what
// HTTP/1.0 may send, and no browser.
[[nodiscard]] bool is_trusted_host(std::string_view host) noexcept;

// In a time that says nothing of the secret but its length.
[[nodiscard]] bool equal_in_constant_time(std::string_view a, std::string_view b) noexcept;

// Whether the request shows the token. With an empty one nobody can.
[[nodiscard]] bool shows_token(const Request& request, std::string_view token) noexcept;

// Before its path is looked at: why the request is refused. `guard`: none if the path is open to everybody.
[[nodiscard]] std::optional<Answer> refuse_stranger(const Request& request, std::string_view token, Guard guard);

// A POST: why it is refused.
[[nodiscard]] std::optional<Answer> refuse_forged(const Request& request);

}  // namespace lb::admin
