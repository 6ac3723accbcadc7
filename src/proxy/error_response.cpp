#include "proxy/error_response.hpp"

#include <utility>

#include "http/head_writer.hpp"

namespace lb::proxy {
namespace {

using base::ErrorKind;
using base::Side;

ErrorStatus downstream_status(ErrorKind kind) noexcept {
  switch (kind) {
    case ErrorKind::timeout:
      return {408, "Request Timeout", "http_request_error"};
    case ErrorKind::method_not_allowed:
      return {405, "Method Not Allowed", "http_request_denied"};
    case ErrorKind::body_too_large:
      return {413, "Content Too Large", "http_request_error"};
    case ErrorKind::target_too_long:
      return {414, "URI Too Long", "http_request_error"};
    case ErrorKind::misdirected:
      return {421, "Misdirected Request", "http_request_error"};
    case ErrorKind::header_too_large:
      return {431, "Request Header Fields Too Large", "http_request_error"};
    case ErrorKind::unsupported_coding:
      return {501, "Not Implemented", "http_request_error"};
    case ErrorKind::unsupported_version:
      return {505, "HTTP Version Not Supported", "http_request_error"};
    default:
      return {400, "Bad Request", "http_request_error"};
  }
}

ErrorStatus upstream_status(ErrorKind kind) noexcept {
  switch (kind) {
    case ErrorKind::timeout:
      return {504, "Gateway Timeout", "http_response_timeout"};
    case ErrorKind::resolve_failed:
      return {502, "Bad Gateway", "dns_error"};
    case ErrorKind::connect_refused:
      return {502, "Bad Gateway", "connection_refused"};
    case ErrorKind::connect_failed:
      return {502, "Bad Gateway", "destination_ip_unroutable"};
    case ErrorKind::connect_timeout:
      return {502, "Bad Gateway", "connection_timeout"};
    case ErrorKind::tls_certificate:
      return {502, "Bad Gateway", "tls_certificate_error"};
    case ErrorKind::tls_protocol:
      return {502, "Bad Gateway", "tls_protocol_error"};
    case ErrorKind::tls_alert:
      return {502, "Bad Gateway", "tls_alert_received"};
    case ErrorKind::closed:
    case ErrorKind::truncated:
    case ErrorKind::reset:
    case ErrorKind::not_processed:
      return {502, "Bad Gateway", "connection_terminated"};
    case ErrorKind::header_too_large:
      return {502, "Bad Gateway", "http_response_header_section_size"};
    case ErrorKind::unsupported_coding:
      return {502, "Bad Gateway", "http_response_transfer_coding"};
    case ErrorKind::malformed:
    case ErrorKind::unsupported_version:
      return {502, "Bad Gateway", "http_protocol_error"};
    default:
      return {502, "Bad Gateway", "proxy_internal_error"};
  }
}

// What an operator is to find in the answer itself: nothing of it comes from a peer.
bool explains_itself(const base::Error& error) noexcept {
  return error.side == Side::upstream && (error.kind == ErrorKind::tls_certificate ||
                                          error.kind == ErrorKind::tls_protocol || error.kind == ErrorKind::tls_alert);
}

// TRACE passes, but is not answered here: nothing of a request is reflected in what the balancer says itself.
constexpr std::string_view kAllow = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";

}  // namespace

ErrorStatus status_of(const base::Error& error) noexcept {
  if (error.side == Side::downstream) return downstream_status(error.kind);
  if (error.side == Side::upstream) return upstream_status(error.kind);
  if (error.kind == ErrorKind::no_backend) return {503, "Service Unavailable", "destination_unavailable"};
  const bool limited = error.kind == ErrorKind::backends_busy || error.kind == ErrorKind::connection_limit;
  if (limited || error.kind == ErrorKind::no_resources) return {503, "Service Unavailable", "connection_limit_reached"};
  return {500, "Internal Server Error", "proxy_internal_error"};
}

telemetry::Refusal refusal_of(const base::Error& error) noexcept {
  using telemetry::Refusal;
  if (error.kind == ErrorKind::backends_busy) return Refusal::backends_busy;
  if (error.kind == ErrorKind::connection_limit) return Refusal::connection_limit;
  if (error.kind == ErrorKind::no_resources) return Refusal::out_of_resources;
  if (error.side == Side::upstream && error.kind == ErrorKind::header_too_large) return Refusal::answer_too_large;
  switch (status_of(error).status) {
    case 408:
      return Refusal::client_timeout;
    case 413:
      return Refusal::body_too_large;
    case 414:
    case 431:
      return Refusal::header_too_large;
    case 500:
      return Refusal::internal;
    case 502:
      return Refusal::backend_failed;
    case 503:
      return Refusal::no_backend;
    case 504:
      return Refusal::backend_timed_out;
    default:
      return Refusal::bad_request;
  }
}

bool is_unanswerable(const base::Error& error) noexcept {
  if (error.kind == ErrorKind::cancelled) return true;
  return error.side == Side::downstream && base::is_end_of_connection(error.kind);
}

message::OwnAnswer make_error_answer(const base::Error& error, ErrorFormat format, std::string_view details) {
  if (details.empty() && explains_itself(error)) details = error.detail;
  const ErrorStatus status = status_of(error);
  const std::string code = std::to_string(status.status);
  const bool json = format == ErrorFormat::json;
  message::OwnAnswer answer{.status = status.status, .reason = status.reason, .fields = {}, .body = {}};
  if (json) {
    answer.body.append("{\"status\":").append(code).append(",\"title\":\"").append(status.reason);
    answer.body.append("\",\"error\":\"").append(status.proxy_status).append("\"}\n");
  } else {
    answer.body.append(code).append(" ").append(status.reason).append("\n");
  }
  std::string proxy_status(http::kPseudonym);
  proxy_status.append("; error=").append(status.proxy_status);
  if (!details.empty()) proxy_status.append("; details=\"").append(details).append("\"");
  answer.fields.emplace_back("Content-Type", json ? "application/json" : "text/plain; charset=utf-8");
  answer.fields.emplace_back("Cache-Control", "no-store");
  answer.fields.emplace_back("Proxy-Status", std::move(proxy_status));
  if (status.status == 503) answer.fields.emplace_back("Retry-After", "1");
  if (status.status == 405) answer.fields.emplace_back("Allow", kAllow);
  answer.last = error.side == Side::downstream;
  return answer;
}

message::OwnAnswer make_options_answer() {
  message::OwnAnswer answer{.status = 200, .reason = "OK", .fields = {}, .body = {}};
  answer.fields.emplace_back("Allow", kAllow);
  return answer;
}

}  // namespace lb::proxy
