#include "http/framing.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <netinet/in.h>
#include <optional>

#include "base/limits.hpp"
#include "http/text.hpp"

namespace lb::http {
namespace {

using base::Error;
using base::ErrorKind;
using base::Result;

Error malformed(std::string_view detail) noexcept {
  return {ErrorKind::malformed, base::Side::internal, detail};
}

// The framing fields as they stand; both views' bytes belong to the head.
struct FramingFields {
  std::optional<std::uint64_t> content_length;
  bool chunked = false;
  bool contradictory = false;  // what RFC 9112 section 6.3 has a rule for all the same
};

// A list of equal lengths is one (RFC 9110 section 8.6).
std::optional<std::uint64_t> parse_equal_lengths(std::string_view value) noexcept {
  std::optional<std::uint64_t> length;
  bool equal = true;
  for_each_element(value, [&](std::string_view element) {
    const auto one = parse_decimal(element);
    equal = equal && one && length.value_or(*one) == *one;
    if (one) length = one;
  });
  return equal ? length : std::nullopt;
}

// Of a client nothing is accepted that anybody could read otherwise. Of a backend it is, where the RFCs say how it is
// read and nginx and HAProxy read it so.
Result<FramingFields> read_framing_fields(Version version, const Fields& fields, Sender sender) {
  const bool of_backend = sender == Sender::backend;
  FramingFields found;
  bool coded = false;
  if (!fields.has(FieldId::content_length) && !fields.has(FieldId::transfer_encoding)) return found;
  for (const Field& field : fields) {
    if (field.id == FieldId::content_length) {
      if (found.content_length && !of_backend) return malformed("repeated Content-Length");
      const auto length = of_backend ? parse_equal_lengths(field.value) : parse_decimal(field.value);
      if (!length) return malformed("malformed Content-Length");
      if (found.content_length && found.content_length != length) return malformed("differing Content-Lengths");
      found.content_length = length;
    } else if (field.id == FieldId::transfer_encoding) {
      if (coded) return malformed("repeated Transfer-Encoding");
      coded = true;
      // Any obfuscated spelling ("xchunked", "chunked;x", "\vchunked") is not this word and is therefore refused.
      if (!equals_ignoring_case(field.value, "chunked")) {
        const bool chunked_last =
            field.value.size() > 7 && field.value.find(',') != std::string_view::npos &&
            equals_ignoring_case(trimmed(field.value.substr(field.value.rfind(',') + 1)), "chunked");
        bool other_before = false;
        bool chunked_before = false;
        if (chunked_last) {
          for_each_element(field.value.substr(0, field.value.rfind(',')), [&](std::string_view coding) {
            chunked_before = chunked_before || equals_ignoring_case(coding, "chunked");
            other_before = true;
          });
        }
        if (other_before && !chunked_before) {
          return Error{ErrorKind::unsupported_coding, base::Side::internal, "transfer coding other than chunked"};
        }
        return malformed("Transfer-Encoding does not end in a single chunked");
      }
      found.chunked = true;
    }
  }
  if (coded && found.content_length && !of_backend) {
    return malformed("Content-Length together with Transfer-Encoding");
  }
  if (coded && version == Version::http_1_0 && !of_backend) return malformed("Transfer-Encoding in HTTP/1.0");
  found.contradictory = coded && (found.content_length || version == Version::http_1_0);
  return found;
}

// Connection options that would take away what frames or routes the request (RFC 9110 section 7.6.1: never options):
// whoever obeys them and whoever does not read two different messages. With Expect gone the client would wait for
// nothing. In an answer they mean nothing, or what happens anyway; a length stays.
Result<void> check_connection(const Fields& fields, Sender sender) noexcept {
  if (!fields.connection_is_unusual()) return {};
  std::size_t count = 0;
  bool essential = false;
  for (const Field& field : fields) {
    if (field.id != FieldId::connection) continue;
    for_each_element(field.value, [&](std::string_view option) {
      ++count;
      for (const std::string_view name : {"content-length", "transfer-encoding", "host", "expect"}) {
        essential = essential || equals_ignoring_case(option, name);
      }
    });
  }
  if (essential && sender == Sender::client) return malformed("Connection names a field that is not an option");
  if (count > base::kConnectionOptionsMax) return malformed("too many connection options");
  return {};
}

bool is_hex(char c) noexcept {
  return is_digit(c) || (to_lower(c) >= 'a' && to_lower(c) <= 'f');
}

// IP-literal of RFC 3986 section 3.2.2, without its brackets.
bool is_ip_literal(std::string_view text) noexcept {
  if (to_lower(text.front()) == 'v') {
    const std::size_t dot = text.find('.');
    return dot != std::string_view::npos && dot > 1 && dot + 1 < text.size() &&
           std::ranges::all_of(text.substr(1, dot - 1), is_hex) &&
           std::ranges::all_of(text.substr(dot), [](char c) { return (is_reg_name_char(c) && c != '%') || c == ':'; });
  }
  std::array<char, INET6_ADDRSTRLEN> terminated{};
  if (text.size() >= terminated.size()) return false;
  std::ranges::copy(text, terminated.begin());
  in6_addr address{};
  return ::inet_pton(AF_INET6, terminated.data(), &address) == 1;
}

// "%" stands before two digits alone.
bool is_percent_encoded(std::string_view text) noexcept {
  for (std::size_t at = text.find('%'); at != std::string_view::npos; at = text.find('%', at + 1)) {
    if (at + 2 >= text.size() || !is_hex(text[at + 1]) || !is_hex(text[at + 2])) return false;
  }
  return true;
}

}  // namespace

bool is_host(std::string_view value) noexcept {
  std::size_t end = 0;  // of the host
  if (value.starts_with('[')) {
    end = value.find(']');
    if (end == std::string_view::npos || end == 1 || !is_ip_literal(value.substr(1, end - 1))) return false;
    ++end;
  } else {
    while (end < value.size() && is_reg_name_char(value[end])) ++end;
    if (!is_percent_encoded(value.substr(0, end)) || value.starts_with(':')) return false;
  }
  if (end == value.size()) return true;
  const std::string_view port = value.substr(end + 1);
  return value[end] == ':' && port.size() <= 5 && std::ranges::all_of(port, is_digit);
}

Result<Framing> request_framing(const RequestHead& head) {
  const auto found = read_framing_fields(head.version, head.fields, Sender::client);
  if (!found) return found.error();
  // RFC 9110 section 9.3.8. Programs disagree on whether it is read.
  if (head.method == Method::trace && (found->chunked || found->content_length.value_or(0) > 0)) {
    return malformed("TRACE with content");
  }
  if (found->chunked) return Framing{BodyKind::chunked, 0};
  if (found->content_length && *found->content_length > 0) return Framing{BodyKind::length, *found->content_length};
  return Framing{};
}

Result<Framing> response_framing(const ResponseHead& head, Method method) {
  const auto found = read_framing_fields(head.version, head.fields, Sender::backend);
  if (!found) return malformed(found.error().detail);
  if (const auto checked = check_connection(head.fields, Sender::backend); !checked) return checked.error();
  // No body, whatever the fields say (RFC 9112 section 6.3, rules 1 and 2).
  const bool interim = head.status < 200;
  if (interim || head.status == 204 || head.status == 304 || method == Method::head) {
    // Backends that send a body to HEAD all the same are not rare; and one that codes what cannot be there (RFC 9112
    // section 6.1 forbids it), or gives a 204 a length, counts differently.
    const bool empty = found->content_length == std::uint64_t{0} && !found->chunked;
    const bool speaks_of_body = found->chunked || (found->content_length && !empty);
    const bool wrong = (interim && found->chunked) || (head.status == 204 && speaks_of_body);
    return Framing{.body_may_follow = method == Method::head && !empty,
                   .distrusted = wrong || found->contradictory,
                   .sender = Sender::backend};
  }
  // Rule 3: the coding wins, and who sent both is not trusted with another message.
  if (found->chunked) {
    return Framing{.kind = BodyKind::chunked, .distrusted = found->contradictory, .sender = Sender::backend};
  }
  if (found->content_length) {
    return *found->content_length == 0 ? Framing{} : Framing{BodyKind::length, *found->content_length};
  }
  return Framing{BodyKind::until_close, 0};
}

ConnectionOptions connection_options(Version version, const Fields& fields) {
  bool close = false;
  bool keep_alive = false;
  bool upgrade = false;
  ConnectionOptions options;
  for (const Field& field : fields) {
    if (field.id == FieldId::connection) {
      for_each_element(field.value, [&](std::string_view option) {
        close = close || equals_ignoring_case(option, "close");
        keep_alive = keep_alive || equals_ignoring_case(option, "keep-alive");
        upgrade = upgrade || equals_ignoring_case(option, "upgrade");
      });
    } else if (field.id == FieldId::te) {
      options.accepts_trailers = options.accepts_trailers || list_contains(field.value, "trailers");
    }
  }
  options.keep_alive = !close && (version == Version::http_1_1 || keep_alive);
  options.upgrade = upgrade && fields.has(FieldId::upgrade) && version == Version::http_1_1;
  return options;
}

bool switches_as_offered(const ResponseHead& head, std::string_view offered) {
  if (!connection_options(head.version, head.fields).upgrade) return false;
  bool named = false;
  bool all_offered = true;
  for (const Field& field : head.fields) {
    if (field.id != FieldId::upgrade) continue;
    for_each_element(field.value, [&](std::string_view protocol) {
      named = true;
      all_offered = all_offered && list_contains(offered, protocol);
    });
  }
  return named && all_offered;
}

Result<void> check_request_fields(const RequestHead& head) {
  if (head.fields.has(FieldId::framing_twin)) return malformed("underscore in the name of a framing field");
  bool host_seen = false;
  for (const Field& field : head.fields) {
    if (field.id == FieldId::host) {
      if (host_seen) return malformed("repeated Host");
      host_seen = true;
      if (!is_host(field.value)) return malformed("malformed Host");
    }
  }
  if (const auto checked = check_connection(head.fields, Sender::client); !checked) return checked.error();
  if (!host_seen && head.version == Version::http_1_1) return malformed("missing Host");
  return {};
}

}  // namespace lb::http
