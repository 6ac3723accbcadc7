#include "http/message.hpp"

#include "http/text.hpp"

namespace lb::http {

namespace {

// A mix of hyphens and underscores is a twin as well.
FieldId twin_id(std::string_view name) noexcept {
  const auto is = [name](std::string_view lower) {
    if (name.size() != lower.size()) return false;
    for (std::size_t i = 0; i < name.size(); ++i) {
      if ((name[i] == '_' ? '-' : to_lower(name[i])) != lower[i]) return false;
    }
    return true;
  };
  if (is("content-length") || is("transfer-encoding")) return FieldId::framing_twin;
  if (is("x-forwarded-for") || is("x-forwarded-proto") || is("x-forwarded-host")) return FieldId::x_forwarded_twin;
  return FieldId::other;
}

}  // namespace

FieldId field_id(std::string_view name) noexcept {
  const auto is = [name](std::string_view lower) { return equals_ignoring_case(name, lower); };
  // The length alone rules out nearly every name, so that one comparison is the most that is made.
  if (name.find('_') != std::string_view::npos) return twin_id(name);
  switch (name.size()) {
    case 2:
      return is("te") ? FieldId::te : FieldId::other;
    case 3:
      return is("via") ? FieldId::via : FieldId::other;
    case 4:
      return is("host") ? FieldId::host : is("date") ? FieldId::date : FieldId::other;
    case 6:
      return is("accept") ? FieldId::accept : is("expect") ? FieldId::expect : FieldId::other;
    case 7:
      return is("upgrade") ? FieldId::upgrade : is("trailer") ? FieldId::trailer : FieldId::other;
    case 10:
      return is("connection") ? FieldId::connection : is("keep-alive") ? FieldId::keep_alive : FieldId::other;
    case 12:
      return is("max-forwards") ? FieldId::max_forwards : FieldId::other;
    case 14:
      return is("content-length")   ? FieldId::content_length
             : is("http2-settings") ? FieldId::http2_settings
                                    : FieldId::other;
    case 15:
      return is("x-forwarded-for") ? FieldId::x_forwarded_for : FieldId::other;
    case 16:
      return is("x-forwarded-host")   ? FieldId::x_forwarded_host
             : is("proxy-connection") ? FieldId::proxy_connection
                                      : FieldId::other;
    case 17:
      return is("transfer-encoding")   ? FieldId::transfer_encoding
             : is("x-forwarded-proto") ? FieldId::x_forwarded_proto
                                       : FieldId::other;
    case 18:
      return is("proxy-authenticate") ? FieldId::proxy_authenticate : FieldId::other;
    case 19:
      return is("proxy-authorization") ? FieldId::proxy_authorization : FieldId::other;
    default:
      return FieldId::other;
  }
}

Method method_id(std::string_view name) noexcept {
  // Methods are case-sensitive (RFC 9110 section 9.1).
  if (name == "GET") return Method::get;
  if (name == "HEAD") return Method::head;
  if (name == "POST") return Method::post;
  if (name == "PUT") return Method::put;
  if (name == "DELETE") return Method::delete_;
  if (name == "OPTIONS") return Method::options;
  if (name == "TRACE") return Method::trace;
  if (name == "CONNECT") return Method::connect;
  return Method::other;
}

}  // namespace lb::http
