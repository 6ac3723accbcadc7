// What can go wrong with an exchange in normal traffic, as a value. proxy/error_response.cpp alone turns it into a
// status.
#pragma once

#include <cstdint>
#include <string_view>
#include <type_traits>

#include <boost/system/error_code.hpp>
#include <boost/system/result.hpp>

namespace lb::base {

enum class ErrorKind : std::uint8_t {
  // The peer's bytes.
  malformed,            // not HTTP, or HTTP that must be rejected
  target_too_long,      // request line beyond the limit
  header_too_large,     // fields beyond the limit in bytes or number
  body_too_large,       // request body beyond the limit
  unsupported_coding,   // a transfer coding other than chunked
  unsupported_version,  // HTTP/2.0 in a 1.x head and the like
  method_not_allowed,   // CONNECT
  misdirected,          // for a host that this connection was not made for
  // The peer's connection.
  closed,         // orderly end where more was expected
  truncated,      // an end that the peer has not said to be its end, where it would have (TLS: RFC 8446 section 6.1)
  reset,          // connection reset or broken pipe
  timeout,        // the deadline of the wait passed
  not_processed,  // the peer has not looked at the request, and says so
  // Reaching a backend.
  resolve_failed,
  connect_refused,
  connect_failed,
  connect_timeout,
  tls_certificate,  // it shows a certificate that is not to be trusted
  tls_protocol,     // the handshake went wrong otherwise
  tls_alert,        // the peer has ended the handshake
  no_backend,       // nothing to try
  backends_busy,    // those that could be tried have reached their connection limits
  // Ourselves.
  connection_limit,  // of clients
  no_resources,      // descriptors or memory ran out
  cancelled,         // shutdown, or the other half of the exchange failed
  io,                // any other error of the operating system
};

// Which peer's bytes or connection an error came from. Stamped where the error is caught from I/O, never guessed later.
enum class Side : std::uint8_t { downstream, upstream, internal };

struct Error {
  ErrorKind kind = ErrorKind::io;
  Side side = Side::internal;
  // A fixed sentence for the log; never a peer's bytes, so that nothing is reflected. Static storage.
  std::string_view detail;

  friend bool operator==(const Error& a, const Error& b) noexcept { return a.kind == b.kind && a.side == b.side; }
};

// Whether the peer is gone, in whatever way.
[[nodiscard]] constexpr bool is_end_of_connection(ErrorKind kind) noexcept {
  return kind == ErrorKind::closed || kind == ErrorKind::truncated || kind == ErrorKind::reset || kind == ErrorKind::io;
}

[[nodiscard]] std::string_view to_string(ErrorKind kind) noexcept;
[[nodiscard]] std::string_view to_string(Side side) noexcept;

// The kind that a failed read or write of the operating system stands for.
[[nodiscard]] ErrorKind kind_of(const boost::system::error_code& code) noexcept;

// Needed by boost::system::result::value(), which this code base never calls on an error.
[[noreturn]] void throw_exception_from_error(const Error& error, const boost::source_location& where);

// Not of bool: Boost 1.81 copies a result<bool> through its conversion to bool, so that false becomes true.
template <class T>
  requires(!std::is_same_v<T, bool>)
using Result = boost::system::result<T, Error>;

}  // namespace lb::base
