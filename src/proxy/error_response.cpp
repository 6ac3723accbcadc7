#include "proxy/error_response.hpp"

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
    case ErrorKind::closed:
    case ErrorKind::truncated:
    case ErrorKind::reset:
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

// TRACE passes, but is not answered here: nothing of a request is reflected in what the balancer says itself.
constexpr std::string_view kAllow = "Allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n";

std::string_view connection_line(AfterAnswer after) noexcept {
  if (after == AfterAnswer::close) return "Connection: close\r\n";
  return after == AfterAnswer::keep_alive_said ? "Connection: keep-alive\r\n" : "";
}

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
  return error.side == Side::downstream &&
         base::is_end_of_connection(error.kind);
}

std::string make_error_response(const base::Error& error, ErrorFormat format, AfterAnswer after, AnswerBody body,
                                std::string_view date, std::string_view request_id, std::string_view details) {
  const ErrorStatus status = status_of(error);
  const std::string code = std::to_string(status.status);
  const bool json = format == ErrorFormat::json;
  std::string text;
  if (json) {
    text.append("{\"status\":").append(code).append(",\"title\":\"").append(status.reason);
    text.append("\",\"error\":\"").append(status.proxy_status).append("\"}\n");
  } else {
    text.append(code).append(" ").append(status.reason).append("\n");
  }
  std::string response;
  response.reserve(384);
  response.append("HTTP/1.1 ").append(code).append(" ").append(status.reason).append("\r\n");
  response.append("Date: ").append(date).append("\r\n");
  response.append("Content-Type: ").append(json ? "application/json" : "text/plain; charset=utf-8").append("\r\n");
  response.append("Content-Length: ").append(std::to_string(text.size())).append("\r\n");
  response.append("Cache-Control: no-store\r\n");
  response.append("Proxy-Status: ").append(http::kPseudonym).append("; error=").append(status.proxy_status);
  if (!details.empty()) response.append("; details=\"").append(details).append("\"");
  response.append("\r\n");
  if (!request_id.empty()) response.append("X-Request-Id: ").append(request_id).append("\r\n");
  if (status.status == 503) response.append("Retry-After: 1\r\n");
  if (status.status == 405) response.append(kAllow);
  response.append(connection_line(after)).append("\r\n");
  if (body == AnswerBody::sent) response.append(text);
  return response;
}

std::string make_options_response(AfterAnswer after, std::string_view date) {
  std::string response = "HTTP/1.1 200 OK\r\n";
  response.append("Date: ").append(date).append("\r\n");
  response.append(kAllow).append("Content-Length: 0\r\n").append(connection_line(after)).append("\r\n");
  return response;
}

}  // namespace lb::proxy
