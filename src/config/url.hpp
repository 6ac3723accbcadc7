// The address of a backend.
//
// The grammar that is accepted, http://host[:port], is smaller than any URL library's, and each way to miss it deserves
// its own message; hence this parser. (Boost.URL has to be linked from Boost 1.83 on, and knows only that a text is no
// URL.)
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "config/config.hpp"

namespace lb::config {

// `problem` is empty if `backend` is set; otherwise it continues a sentence that began with the text: `has no host`,
// and `where` is the part of the text at fault, which may be a place between two characters.
struct UrlOutcome {
  std::optional<Backend> backend{};
  std::string problem{};
  std::string_view where{};
};

// Reads `http://host[:port][/]`, `https://` likewise, or the same without the scheme. The host is a name, an IPv4
// address or an IPv6 address in brackets; the port defaults to 80. Backend::url is the canonical form: host in lower
// case, IPv6 in brackets, a port only if one was written, no final slash. Any bytes are allowed as input.
UrlOutcome parse_backend_url(std::string_view text);

// The text as a message may show it: a user name and password are replaced by ***.
std::string without_userinfo(std::string_view text);

// Equal for two backends that are one endpoint: same host (whatever its case, or the spelling of an IPv6 address) and
// same port. Names are not looked up.
std::string backend_identity(const Backend& backend);

// An IPv4 or IPv6 address (no brackets; an IPv6 zone such as %eth0 may follow), as a socket binds to it.
bool is_ip_address(std::string_view text);

// Whether such an address is one of this machine alone: 127.0.0.0/8, ::1.
bool is_loopback_address(std::string_view text);

}  // namespace lb::config
