#include "http/head_writer.hpp"

#include <array>
#include <charconv>

#include "http/text.hpp"

namespace lb::http {
namespace {

using base::Result;

// The option names of all Connection fields of one head.
class NamedInConnection {
 public:
  explicit NamedInConnection(const std::vector<Field>& fields) : fields_(fields) {
    for (const Field& field : fields) {
      if (field.id != FieldId::connection) continue;
      for_each_element(field.value, [this](std::string_view option) {
        // These name connection behaviour or fields that are never passed on anyway: nearly every head has no others.
        const bool usual = equals_ignoring_case(option, "keep-alive") || equals_ignoring_case(option, "close") ||
                           equals_ignoring_case(option, "upgrade") || equals_ignoring_case(option, "te");
        names_others_ = names_others_ || !usual;
      });
    }
  }

  [[nodiscard]] bool contains(std::string_view name) const noexcept {
    if (!names_others_) return false;
    for (const Field& field : fields_) {
      if (field.id == FieldId::connection && list_contains(field.value, name)) return true;
    }
    return false;
  }

 private:
  const std::vector<Field>& fields_;
  bool names_others_ = false;
};

void append_field(std::string& out, std::string_view name, std::string_view value) {
  out.append(name).append(": ").append(value).append("\r\n");
}

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

// The authority of a target in absolute form ("http://host:port/path"), empty for the other forms.
std::string_view absolute_authority(std::string_view target) noexcept {
  if (target.starts_with('/') || target == "*") return {};
  const std::size_t scheme_end = target.find("://");
  if (scheme_end == std::string_view::npos) return {};
  const std::string_view rest = target.substr(scheme_end + 3);
  return rest.substr(0, rest.find_first_of("/?"));
}

// An upgrade that is passed on. "h2c" is not: a backend that agreed to it would speak a protocol inside the tunnel
// whose requests nobody here sees; leaving it out turns the request into an ordinary one (RFC 9110 section 7.8).
bool is_upgrade_passed_on(const std::vector<Field>& fields) noexcept {
  for (const Field& field : fields) {
    if (field.id == FieldId::upgrade && list_contains(field.value, "h2c")) return false;
  }
  return true;
}

// RFC 9110 section 7.6.2: counted down for these two methods, and left alone for the others.
Result<void> append_max_forwards(const Field& field, ForwardedRequest& out) {
  const auto left = parse_decimal(field.value);
  if (!left) return base::Error{base::ErrorKind::malformed, base::Side::internal, "malformed Max-Forwards"};
  out.goes_no_further = out.goes_no_further || *left == 0;
  append_field(out.head, field.name, std::to_string(*left == 0 ? 0 : *left - 1));
  return {};
}

void append_connection(const RequestHead& head, const ConnectionOptions& options, bool upgrade, std::string& out) {
  if (options.accepts_trailers) append_field(out, "TE", "trailers");
  if (upgrade) {
    for (const Field& field : head.fields) {
      if (field.id == FieldId::upgrade) append_field(out, field.name, field.value);
    }
  }
  if (upgrade || options.accepts_trailers) {
    append_field(out, "Connection", upgrade && options.accepts_trailers ? "upgrade, TE" : upgrade ? "upgrade" : "TE");
  }
}

}  // namespace

Result<void> write_forwarded_request(const RequestHead& head, const Framing& framing, const ConnectionOptions& options,
                                     std::string_view client_address, std::string_view scheme, ForwardedRequest& out) {
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

  out.head.clear();
  out.expect_continue = out.goes_no_further = false;
  const bool counted = head.method == Method::options || head.method == Method::trace;
  out.head.append(head.method_name).append(" ").append(head.target).append(" HTTP/1.1\r\n");
  for (const Field& field : head.fields) {
    if (is_hop_by_hop(field.id)) continue;
    if (field.id == FieldId::x_forwarded_proto || field.id == FieldId::x_forwarded_host) continue;  // ours replace them
    if (field.id == FieldId::expect && head.version == Version::http_1_0) continue;  // RFC 9110 section 10.1.1
    if (named.contains(field.name)) continue;
    if (field.id == FieldId::host) {
      append_field(out.head, field.name, host);  // RFC 9112 section 3.2.2: the target's authority wins
    } else if (field.id == FieldId::max_forwards && counted) {
      if (const auto appended = append_max_forwards(field, out); !appended) return appended.error();
    } else if (&field == last_forwarded_for) {
      out.head.append(field.name).append(": ").append(field.value);
      out.head.append(field.value.empty() ? "" : ", ").append(client_address).append("\r\n");
    } else {
      append_field(out.head, field.name, field.value);
    }
    if (field.id == FieldId::expect && equals_ignoring_case(field.value, "100-continue")) {
      out.expect_continue = framing.kind != BodyKind::none;
    }
  }
  if (absolute && !host_seen) append_field(out.head, "Host", host);
  out.host_missing = !absolute && !host_seen;
  if (last_forwarded_for == nullptr) append_field(out.head, "X-Forwarded-For", client_address);
  append_field(out.head, "X-Forwarded-Proto", scheme);
  if (!host.empty()) append_field(out.head, "X-Forwarded-Host", host);
  out.head.append("Via: ")
      .append(head.version == Version::http_1_1 ? "1.1 " : "1.0 ")
      .append(kPseudonym)
      .append("\r\n");
  out.upgrade = options.upgrade && is_upgrade_passed_on(head.fields);
  append_connection(head, options, out.upgrade, out.head);
  if (framing.kind == BodyKind::chunked) append_field(out.head, "Transfer-Encoding", "chunked");
  return {};
}

void write_forwarded_response(const ResponseHead& head, const ResponseForm& form, std::string& out) {
  const NamedInConnection named(head.fields);
  const bool interim = head.status < 200;
  const bool switches = head.status == 101;
  const bool keeps_upgrade = switches || head.status == 426;  // RFC 9110 section 15.5.22: a 426 has to name a protocol
  out.append("HTTP/1.1 ");
  std::array<char, 4> digits{};
  std::to_chars(digits.data(), digits.data() + digits.size(), head.status);
  out.append(digits.data(), 3).append(" ").append(head.reason).append("\r\n");

  bool dated = interim;
  bool upgrade_seen = false;
  for (const Field& field : head.fields) {
    if (field.id == FieldId::upgrade && keeps_upgrade) {
      upgrade_seen = true;
    } else if (is_hop_by_hop(field.id) || named.contains(field.name)) {
      continue;
    }
    // RFC 9110 section 8.6: never in 1xx and 204. RFC 9110 section 6.6.2: Trailer only where trailers can follow.
    if (field.id == FieldId::content_length && (interim || head.status == 204)) continue;
    if (field.id == FieldId::trailer && form.body != BodyKind::chunked) continue;
    dated = dated || field.id == FieldId::date;
    append_field(out, field.name, field.value);
  }
  if (!dated) append_field(out, "Date", form.date);
  if (form.body == BodyKind::chunked) append_field(out, "Transfer-Encoding", "chunked");
  if (upgrade_seen) {
    append_field(out, "Connection",
                 form.persistence == ClientPersistence::close && !switches ? "upgrade, close" : "upgrade");
  } else if (!interim && form.persistence != ClientPersistence::keep_alive_implied) {
    append_field(out, "Connection", form.persistence == ClientPersistence::close ? "close" : "keep-alive");
  }
  out.append("\r\n");
}

}  // namespace lb::http
