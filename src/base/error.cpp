#include "base/error.hpp"

#include <cerrno>

#include "base/check.hpp"

namespace lb::base {

std::string_view to_string(ErrorKind kind) noexcept {
  switch (kind) {
    case ErrorKind::malformed:
      return "malformed message";
    case ErrorKind::target_too_long:
      return "request target too long";
    case ErrorKind::header_too_large:
      return "header section too large";
    case ErrorKind::body_too_large:
      return "body too large";
    case ErrorKind::unsupported_coding:
      return "unsupported transfer coding";
    case ErrorKind::unsupported_version:
      return "unsupported HTTP version";
    case ErrorKind::method_not_allowed:
      return "method not allowed";
    case ErrorKind::misdirected:
      return "misdirected request";
    case ErrorKind::closed:
      return "connection closed";
    case ErrorKind::truncated:
      return "connection ended without saying so";
    case ErrorKind::reset:
      return "connection reset";
    case ErrorKind::not_processed:
      return "request not processed";
    case ErrorKind::timeout:
      return "timed out";
    case ErrorKind::resolve_failed:
      return "name lookup failed";
    case ErrorKind::connect_refused:
      return "connection refused";
    case ErrorKind::connect_failed:
      return "connect failed";
    case ErrorKind::connect_timeout:
      return "connect timed out";
    case ErrorKind::tls_certificate:
      return "certificate not to be trusted";
    case ErrorKind::tls_protocol:
      return "TLS handshake failed";
    case ErrorKind::tls_alert:
      return "TLS handshake refused by the peer";
    case ErrorKind::no_backend:
      return "no backend";
    case ErrorKind::backends_busy:
      return "backends at their connection limits";
    case ErrorKind::connection_limit:
      return "too many client connections";
    case ErrorKind::no_resources:
      return "out of descriptors or memory";
    case ErrorKind::cancelled:
      return "cancelled";
    case ErrorKind::io:
      return "input/output error";
  }
  return "unknown error";
}

std::string_view to_string(Side side) noexcept {
  switch (side) {
    case Side::downstream:
      return "client";
    case Side::upstream:
      return "backend";
    case Side::internal:
      return "balancer";
  }
  return "unknown side";
}

ErrorKind kind_of(const boost::system::error_code& code) noexcept {
  if (code.category() != boost::system::system_category() && code.category() != boost::system::generic_category()) {
    // The only other category of the streams is Asio's, whose end-of-file stands for an orderly close.
    return ErrorKind::closed;
  }
  switch (code.value()) {
    case ECONNRESET:
    case EPIPE:
    case ECONNABORTED:
      return ErrorKind::reset;
    case ECONNREFUSED:
      return ErrorKind::connect_refused;
    case ETIMEDOUT:
      return ErrorKind::timeout;
    case ECANCELED:
      return ErrorKind::cancelled;
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
    case EADDRNOTAVAIL:
      return ErrorKind::no_resources;
    default:
      return ErrorKind::io;
  }
}

void throw_exception_from_error(const Error& error, const boost::source_location&) {
  static_cast<void>(error);
  check_failed("Result::value() called on an error", __FILE__, __LINE__);
}

}  // namespace lb::base
