#include "http/message.hpp"

#include <algorithm>
#include <cstring>

#include "http/text.hpp"

namespace lb::http {

namespace {

template <class Word>
Word load(const char* bytes) noexcept {
  Word word = 0;
  std::memcpy(&word, bytes, sizeof(word));
  return word;
}

// Whether `name`, of the same length, is `lower` in any spelling of its letters. `lower` is made of small letters,
// digits and hyphens; in these the bit that tells small letters from capital ones is set, and without it no other
// character of a token is made one of them. Words at the end may overlap those before.
template <class Word>
bool is_name_by(const char* name, const char* lower, std::size_t size) noexcept {
  constexpr Word kSmall = static_cast<Word>(0x2020202020202020);
  bool same = true;
  for (std::size_t at = 0; at < size; at += sizeof(Word)) {
    const std::size_t from = std::min(at, size - sizeof(Word));
    same = same && (load<Word>(name + from) | kSmall) == load<Word>(lower + from);
  }
  return same;
}

template <std::size_t N>
bool is_name(const char* name, const char (&lower)[N]) noexcept {
  constexpr std::size_t kSize = N - 1;
  if constexpr (kSize >= 8) return is_name_by<std::uint64_t>(name, lower, kSize);
  if constexpr (kSize >= 4) return is_name_by<std::uint32_t>(name, lower, kSize);
  return is_name_by<std::uint8_t>(name, lower, kSize);
}

// Called for names of the length of one of these. A mix of hyphens and underscores is a twin as well.
FieldId twin_id(std::string_view name) noexcept {
  if (name.find('_') == std::string_view::npos) return FieldId::other;
  const auto is = [name](std::string_view lower) {
    if (name.size() != lower.size()) return false;
    for (std::size_t i = 0; i < name.size(); ++i) {
      if ((name[i] == '_' ? '-' : to_lower(name[i])) != lower[i]) return false;
    }
    return true;
  };
  if (is("content-length") || is("transfer-encoding")) return FieldId::framing_twin;
  const bool ours = is("x-forwarded-for") || is("x-forwarded-proto") || is("x-forwarded-host") || is("x-request-id");
  if (ours) return FieldId::x_forwarded_twin;
  if (is("x-client-cert-subject") || is("x-client-cert-sha256")) return FieldId::x_client_cert;
  return FieldId::other;
}

}  // namespace

FieldId field_id(std::string_view name) noexcept {
  const auto is = [name](const auto& lower) { return is_name(name.data(), lower); };
  // The length alone rules out nearly every name, so that one comparison or two are the most that is made.
  switch (name.size()) {
    case 2:
      return is("te") ? FieldId::te : FieldId::other;
    case 3:
      return is("via") ? FieldId::via : FieldId::other;
    case 4:
      return is("host") ? FieldId::host : is("date") ? FieldId::date : FieldId::other;
    case 6:
      return is("accept")   ? FieldId::accept
             : is("expect") ? FieldId::expect
             : is("cookie") ? FieldId::cookie
                            : FieldId::other;
    case 7:
      return is("upgrade") ? FieldId::upgrade : is("trailer") ? FieldId::trailer : FieldId::other;
    case 10:
      return is("connection") ? FieldId::connection : is("keep-alive") ? FieldId::keep_alive : FieldId::other;
    case 12:
      return is("max-forwards") ? FieldId::max_forwards : is("x-request-id") ? FieldId::x_request_id : twin_id(name);
    case 13:
      return is("authorization") ? FieldId::authorization : FieldId::other;
    case 14:
      return is("content-length")   ? FieldId::content_length
             : is("http2-settings") ? FieldId::http2_settings
                                    : twin_id(name);
    case 15:
      return is("x-forwarded-for") ? FieldId::x_forwarded_for : twin_id(name);
    case 16:
      return is("x-forwarded-host")   ? FieldId::x_forwarded_host
             : is("proxy-connection") ? FieldId::proxy_connection
             : is("www-authenticate") ? FieldId::www_authenticate
                                      : twin_id(name);
    case 17:
      return is("transfer-encoding")   ? FieldId::transfer_encoding
             : is("x-forwarded-proto") ? FieldId::x_forwarded_proto
                                       : twin_id(name);
    case 18:
      return is("proxy-authenticate") ? FieldId::proxy_authenticate : FieldId::other;
    case 19:
      return is("proxy-authorization") ? FieldId::proxy_authorization : FieldId::other;
    case 20:
      return is("x-client-cert-sha256") ? FieldId::x_client_cert : twin_id(name);
    case 21:
      return is("endpoint-load-metrics")   ? FieldId::endpoint_load_metrics
             : is("x-client-cert-subject") ? FieldId::x_client_cert
                                           : twin_id(name);
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
