#include "http/head_writer.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include <boost/container/static_vector.hpp>

#include "base/limits.hpp"
#include "http/cookies.hpp"
#include "http/text.hpp"

namespace lb::http {
namespace {

using base::Result;

// What the Connection fields of one head name, beyond what is never passed on anyway: nearly always nothing.
class NamedInConnection {
 public:
  explicit NamedInConnection(const Fields& fields) {
    if (!fields.connection_is_unusual()) return;
    for (const Field& field : fields) {
      if (field.id != FieldId::connection) continue;
      for_each_element(field.value, [this](std::string_view option) {
        const bool usual = equals_ignoring_case(option, "keep-alive") || equals_ignoring_case(option, "close") ||
                           equals_ignoring_case(option, "upgrade") || equals_ignoring_case(option, "te") ||
                           equals_ignoring_case(option, "content-length");  // only an answer may: it stays
        if (!usual && options_.size() < options_.capacity()) options_.push_back(option);
      });
    }
  }

  [[nodiscard]] bool contains(std::string_view name) const noexcept {
    return std::ranges::any_of(options_, [name](std::string_view one) { return equals_ignoring_case(one, name); });
  }
  [[nodiscard]] std::string list() const {
    std::string list;
    for (const std::string_view option : options_) list.append(list.empty() ? "" : ",").append(option);
    return list;
  }

 private:
  // Heads with more were refused.
  boost::container::static_vector<std::string_view, base::kConnectionOptionsMax> options_;
};

// All parts behind each other. The room is made once, and the length of a literal is known to the compiler.
template <class... Parts>
void append(std::string& out, const Parts&... parts) {
  const auto view = [](std::string_view part) { return part; };
  std::size_t at = out.size();
  out.resize(at + (view(parts).size() + ...));
  const auto copy = [&](std::string_view part) {
    std::char_traits<char>::copy(out.data() + at, part.data(), part.size());
    at += part.size();
  };
  (copy(parts), ...);
}

void append_field(std::string& out, std::string_view name, std::string_view value) {
  append(out, name, ": ", value, "\r\n");
}

// The lines that pass as they are. Those that stand behind each other in the head are copied as one piece.
class KeptLines {
 public:
  // `first`: the head's first line, if it passes.
  KeptLines(std::string& out, std::string_view first) noexcept : out_(out), run_(first) {}

  void keep(const Field& field) {
    const bool follows = field.plain && field.name.data() == run_.data() + run_.size();
    if (!follows) flush();
    if (!field.plain) {
      append_field(out_, field.name, field.value);
    } else {
      run_ = {follows ? run_.data() : field.name.data(), run_.size() + field.line().size()};
    }
  }
  // Before anything else is written, and at the end.
  void flush() {
    out_.append(run_);
    run_ = {};
  }

 private:
  std::string& out_;
  std::string_view run_;
};

bool is_hop_by_hop(FieldId id) noexcept {
  switch (id) {
    case FieldId::connection:
    case FieldId::http2_settings:
    case FieldId::keep_alive:
    case FieldId::proxy_authenticate:
    case FieldId::proxy_authorization:
    case FieldId::proxy_connection:
    case FieldId::te:
    case FieldId::transfer_encoding:
    case FieldId::upgrade:
      return true;
    default:
      return false;
  }
}

// The lines of a trailer section whose names are kept.
template <class Keep>
std::string lines_of(std::string_view trailers, Keep keep) {
  std::string kept;
  while (!trailers.empty()) {
    const std::size_t end = trailers.find("\r\n") + 2;  // each field ends so
    const std::string_view line = trailers.substr(0, end);
    if (keep(line.substr(0, line.find(':')))) kept.append(line);
    trailers.remove_prefix(end);
  }
  return kept;
}

// The authority of a target in absolute form ("http://host:port/path"), empty for the other forms. Other schemes than
// these two are not for an HTTP server (RFC 9110 section 7.4); https may come from a gateway that took TLS off.
std::string_view absolute_authority(std::string_view target) noexcept {
  if (target.starts_with('/') || target == "*") return {};
  const std::size_t scheme_end = target.find("://");
  if (scheme_end == std::string_view::npos) return {};
  const std::string_view scheme = target.substr(0, scheme_end);
  if (!equals_ignoring_case(scheme, "http") && !equals_ignoring_case(scheme, "https")) return {};
  const std::string_view rest = target.substr(scheme_end + 3);
  return rest.substr(0, rest.find_first_of("/?"));
}

// The request line of a target in absolute form, in the form that an origin server is asked with (RFC 9112 sections
// 3.2.1 and 3.2.4): path and query, "/" for an empty path, "*" for OPTIONS without either.
void append_origin_line(const RequestHead& head, std::string_view authority, std::string& out) {
  const auto behind = static_cast<std::size_t>(authority.data() + authority.size() - head.target.data());
  const std::string_view origin = head.target.substr(behind);
  const std::string_view path =
      !origin.starts_with('/') ? (origin.empty() && head.method == Method::options ? "*" : "/") : "";
  append(out, head.method_name, " ", path, origin, " HTTP/1.1\r\n");
}

// The protocols of an upgrade that is passed on, as a list. HTTP itself is not: a backend that agreed to h2c would
// speak a protocol inside the tunnel whose requests nobody here sees. Leaving it out turns the request into an ordinary
// one (RFC 9110 section 7.8).
std::string offered_protocols(const Fields& fields) {
  std::string offered;
  bool passed_on = true;
  for (const Field& field : fields) {
    if (field.id != FieldId::upgrade) continue;
    for_each_element(field.value, [&](std::string_view protocol) {
      const std::string_view name = protocol.substr(0, protocol.find('/'));
      passed_on = passed_on && is_token(name) && !equals_ignoring_case(name, "h2c") &&
                  !equals_ignoring_case(name, "h2") && !equals_ignoring_case(name, "http");
      offered.append(offered.empty() ? "" : ", ").append(protocol);
    });
  }
  return passed_on ? offered : std::string();
}

// RFC 9110 section 7.6.2: counted down for these two methods, and left alone for the others.
Result<void> append_max_forwards(const Field& field, ForwardedRequest& out) {
  const auto left = parse_decimal(field.value);
  if (!left) return base::Error{base::ErrorKind::malformed, base::Side::internal, "malformed Max-Forwards"};
  out.goes_no_further = out.goes_no_further || *left == 0;
  append_field(out.head, field.name, std::to_string(*left == 0 ? 0 : *left - 1));
  return {};
}

void append_connection(bool accepts_trailers, ForwardedRequest& out) {
  const bool upgrade = !out.upgrade.empty();
  if (accepts_trailers) append_field(out.head, "TE", "trailers");
  if (upgrade) append_field(out.head, "Upgrade", out.upgrade);
  if (upgrade || accepts_trailers) {
    append_field(out.head, "Connection", upgrade && accepts_trailers ? "upgrade, TE" : upgrade ? "upgrade" : "TE");
  }
}

// A length passes as a plain number: programs disagree on leading zeros, and on lists of equal ones. It was checked to
// be one.
bool is_plain_length(const Field& field) noexcept {
  return field.value == "0" || (field.value.front() != '0' && std::ranges::all_of(field.value, is_digit));
}
void append_length(std::string& out, const Field& field) {
  append_field(out, field.name,
               std::to_string(parse_decimal(trimmed(field.value.substr(0, field.value.find(',')))).value_or(0)));
}

}  // namespace

bool is_request_id(std::string_view text) noexcept {
  const auto fits = [](char c) {
    return c > 0x20 && c < 0x7f && c != '"' && c != '\'' && c != ',' && c != ';' && c != '\\';
  };
  return !text.empty() && text.size() <= base::kRequestIdBytesMax && std::ranges::all_of(text, fits);
}

std::string_view host_of(const RequestHead& head) noexcept {
  const std::string_view authority = absolute_authority(head.target);
  if (!authority.empty()) return authority;
  for (const Field& field : head.fields) {
    if (field.id == FieldId::host) return field.value;
  }
  return {};
}

std::string named_in_connection(const Fields& fields) {
  return NamedInConnection(fields).list();
}

std::string without_named(std::string_view trailers, std::string_view named) {
  return lines_of(trailers, [named](std::string_view name) { return !list_contains(named, name); });
}

std::string without_identity(std::string_view trailers) {
  return lines_of(trailers, [](std::string_view name) {
    const FieldId id = field_id(name);
    return id != FieldId::x_client_cert && id != FieldId::x_forwarded_for && id != FieldId::x_forwarded_proto &&
           id != FieldId::x_forwarded_host && id != FieldId::x_forwarded_twin;
  });
}

Result<void> write_forwarded_request(const RequestHead& head, const Framing& framing, const ConnectionOptions& options,
                                     const ForwardingRules& rules, ForwardedRequest& out) {
  out.head.clear();
  out.request_id.clear();
  const NamedInConnection named(head.fields);
  const Field* last_forwarded_for = nullptr;
  std::string_view host = absolute_authority(head.target);
  const bool absolute = !host.empty();
  // RFC 9112 section 3.2: origin-form, absolute-form, and asterisk-form for OPTIONS alone.
  const bool asterisk = head.target == "*" && head.method == Method::options;
  if (!absolute && !asterisk && !head.target.starts_with('/')) {
    return base::Error{base::ErrorKind::malformed, base::Side::internal, "request target of no known form"};
  }
  if (!is_host(host)) {
    return base::Error{base::ErrorKind::malformed, base::Side::internal, "malformed authority in the request target"};
  }
  bool host_seen = false;
  for (const Field& field : head.fields) {
    if (field.id == FieldId::x_forwarded_for && !named.contains(field.name)) last_forwarded_for = &field;
    if (field.id == FieldId::host) {
      host_seen = true;
      if (!absolute) host = field.value;
    }
  }

  out.named = named.list();
  out.expect_continue = out.goes_no_further = false;
  const bool counted = head.method == Method::options || head.method == Method::trace;
  if (absolute) {
    append_origin_line(head, host, out.head);
  } else if (head.line.empty()) {
    append(out.head, head.method_name, " ", head.target, " HTTP/1.1\r\n");
  }
  KeptLines kept(out.head, absolute ? std::string_view() : head.line);
  for (const Field& field : head.fields) {
    if (is_hop_by_hop(field.id)) continue;
    if (field.id == FieldId::x_forwarded_proto || field.id == FieldId::x_forwarded_host) continue;  // ours replace them
    if (field.id == FieldId::x_client_cert) continue;     // ours alone, if there is one
    if (field.id == FieldId::x_forwarded_twin) continue;  // where these count as the same name, they would join ours
    if (field.id == FieldId::expect && head.version == Version::http_1_0) continue;  // RFC 9110 section 10.1.1
    if (named.contains(field.name)) continue;
    if (field.id == FieldId::x_request_id) {
      if (!out.request_id.empty() || !is_request_id(field.value)) continue;  // one, and one that can be logged
      out.request_id = field.value;
    }
    if (field.id == FieldId::expect && list_contains(field.value, "100-continue")) {
      out.expect_continue = framing.kind != BodyKind::none;
    }
    const bool replaced =
        (field.id == FieldId::host && absolute) || (field.id == FieldId::content_length && !is_plain_length(field)) ||
        (field.id == FieldId::max_forwards && counted) || &field == last_forwarded_for ||
        (field.id == FieldId::cookie && !rules.own_cookie.empty() && has_cookie(field.value, rules.own_cookie));
    if (!replaced) {
      kept.keep(field);
      continue;
    }
    kept.flush();
    if (field.id == FieldId::host) {
      append_field(out.head, field.name, host);  // RFC 9112 section 3.2.2: the target's authority wins
    } else if (field.id == FieldId::content_length) {
      append_length(out.head, field);
    } else if (field.id == FieldId::max_forwards) {
      if (const auto appended = append_max_forwards(field, out); !appended) return appended.error();
    } else if (field.id == FieldId::cookie) {
      const std::string others = without_cookie(field.value, rules.own_cookie);
      if (!others.empty()) append_field(out.head, field.name, others);
    } else {
      append(out.head, field.name, ": ", field.value, field.value.empty() ? "" : ", ", rules.client_address, "\r\n");
    }
  }
  kept.flush();
  if (absolute && !host_seen) append_field(out.head, "Host", host);
  out.host_missing = !absolute && !host_seen;
  if (last_forwarded_for == nullptr) append(out.head, "X-Forwarded-For: ", rules.client_address, "\r\n");
  append(out.head, "X-Forwarded-Proto: ", rules.scheme, "\r\n");
  if (!host.empty()) append(out.head, "X-Forwarded-Host: ", host, "\r\n");
  if (!rules.client_sha256.empty()) {
    append(out.head, "X-Client-Cert-Subject: ", rules.client_subject, "\r\n");
    append(out.head, "X-Client-Cert-SHA256: ", rules.client_sha256, "\r\n");
  }
  append(out.head, head.version == Version::http_1_1 ? "Via: 1.1 " : "Via: 1.0 ", kPseudonym, "\r\n");
  out.upgrade = options.upgrade ? offered_protocols(head.fields) : std::string();
  append_connection(options.accepts_trailers, out);
  if (framing.kind == BodyKind::chunked) append_field(out.head, "Transfer-Encoding", "chunked");
  return {};
}

void write_forwarded_response(const ResponseHead& head, const ResponseForm& form, std::string& out) {
  const NamedInConnection named(head.fields);
  const bool interim = head.status < 200;
  const bool switches = head.status == 101;
  const bool keeps_upgrade = switches || head.status == 426;  // RFC 9110 section 15.5.22: a 426 has to name a protocol
  if (head.line.empty()) {
    std::array<char, 4> digits{};
    std::to_chars(digits.data(), digits.data() + digits.size(), head.status);
    append(out, "HTTP/1.1 ", std::string_view(digits.data(), 3), " ", head.reason, "\r\n");
  }

  bool dated = interim;
  bool upgrade_seen = false;
  bool identified = form.request_id.empty();
  bool length_seen = false;
  const bool coded = head.fields.has(FieldId::transfer_encoding);
  KeptLines kept(out, head.line);
  for (const Field& field : head.fields) {
    if (field.id == FieldId::upgrade && keeps_upgrade) {
      upgrade_seen = true;
    } else if (is_hop_by_hop(field.id) || named.contains(field.name)) {
      continue;
    }
    // RFC 9110 section 8.6: never in 1xx and 204. RFC 9110 section 6.6.2: Trailer only where trailers can follow.
    // RFC 9112 section 6.3: where there is a coding, or another one, a length goes.
    const bool is_length = field.id == FieldId::content_length;
    if (is_length && (interim || head.status == 204 || coded || std::exchange(length_seen, true))) continue;
    if (field.id == FieldId::trailer && form.body != BodyKind::chunked) continue;
    dated = dated || field.id == FieldId::date;
    identified = identified || field.id == FieldId::x_request_id;
    if (field.id == FieldId::content_length && !is_plain_length(field)) {
      kept.flush();
      append_length(out, field);
    } else {
      kept.keep(field);
    }
  }
  kept.flush();
  if (!dated) append_field(out, "Date", form.date);
  if (!identified) append_field(out, "X-Request-Id", form.request_id);
  if (!form.cookie.empty()) append_field(out, "Set-Cookie", form.cookie);
  if (form.body == BodyKind::chunked) append_field(out, "Transfer-Encoding", "chunked");
  if (upgrade_seen) {
    append_field(out, "Connection",
                 form.persistence == ClientPersistence::close && !switches ? "upgrade, close" : "upgrade");
  } else if (!interim && form.persistence != ClientPersistence::keep_alive_implied) {
    append_field(out, "Connection", form.persistence == ClientPersistence::close ? "close" : "keep-alive");
  }
  append(out, "\r\n");
}

}  // namespace lb::http
