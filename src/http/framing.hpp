// Where a message ends (RFC 9112 section 6), decided in this one place for requests and responses. What is ambiguous is
// rejected, never repaired: a repaired message is one that the backend may read differently.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/error.hpp"
#include "http/chunked.hpp"
#include "http/message.hpp"

namespace lb::http {

enum class BodyKind : std::uint8_t {
  none,
  length,  // exactly `length` bytes
  chunked,
  until_close,  // responses only: the connection's end ends the body
};

struct Framing {
  BodyKind kind = BodyKind::none;
  std::uint64_t length = 0;
  bool body_may_follow = false;  // there is none, but the fields speak of one, and some backends send it all the same
  bool distrusted = false;  // the fields contradict each other: after this message the connection is not used again
  Sender sender = Sender::client;
};

// What the Connection, Upgrade and TE fields of a head ask for.
struct ConnectionOptions {
  bool keep_alive = true;         // RFC 9112 section 9.3, the version's default included
  bool upgrade = false;           // Connection names upgrade and there is an Upgrade field (RFC 9110 section 7.8)
  bool accepts_trailers = false;  // TE: trailers, named in Connection or not
};

// RFC 9112 section 6.3 for a request. Errors: malformed (400), unsupported_coding (501).
[[nodiscard]] base::Result<Framing> request_framing(const RequestHead& head);

// RFC 9112 section 6.3 for the final or interim response to a request with `method`. Errors: malformed.
[[nodiscard]] base::Result<Framing> response_framing(const ResponseHead& head, Method method);

// Whether a 101 switches, in HTTP/1.1 and by its own words, to protocols that are all in the list `offered` (RFC 9110
// sections 7.8 and 15.2.2).
[[nodiscard]] bool switches_as_offered(const ResponseHead& head, std::string_view offered);

[[nodiscard]] ConnectionOptions connection_options(Version version, const Fields& fields);

// uri-host [ ":" port ] of RFC 3986 section 3.2, without user information; empty is allowed (RFC 9112 section 3.2).
[[nodiscard]] bool is_host(std::string_view value) noexcept;

// Whether the request's Host is what RFC 9112 section 3.2 demands: exactly one in HTTP/1.1, at most one in HTTP/1.0,
// a host with an optional port. Also refuses Connection fields that name Host, Expect or a framing field (RFC 9110
// section 7.6.1: never options) or very many options, and twins of the framing fields, by which a front and a back
// could be made to disagree. Error: malformed.
[[nodiscard]] base::Result<void> check_request_fields(const RequestHead& head);

}  // namespace lb::http
