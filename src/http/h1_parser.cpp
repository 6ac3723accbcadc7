#include "http/h1_parser.hpp"

#include <algorithm>
#include <utility>

#include <llhttp.h>

#include "base/check.hpp"
#include "http/text.hpp"

namespace lb::http {
namespace {

using base::Error;
using base::ErrorKind;
using base::Result;

// Stops llhttp behind the head: bodies are framed by http/framing, and the bytes behind the head stay in the caller's
// buffer.
int pause_after_head(llhttp_t*) {
  return HPE_PAUSED;
}

const llhttp_settings_t& settings() noexcept {
  static const llhttp_settings_t instance = [] {
    llhttp_settings_t value;
    llhttp_settings_init(&value);
    value.on_headers_complete = &pause_after_head;
    return value;
  }();
  return instance;
}

Error malformed(std::string_view detail) noexcept {
  return {ErrorKind::malformed, base::Side::internal, detail};
}

// The length of the head that ends where llhttp has paused; 0 if it took anything but CRLF CRLF for the end (it accepts
// a bare LF there).
std::size_t head_end(std::string_view text, std::size_t paused_at) noexcept {
  return text.substr(0, paused_at).ends_with("\r\n\r\n") ? paused_at : 0;
}

// Cuts one line off the front; it ends with CRLF and holds neither a CR nor an LF of its own.
Result<std::string_view> cut_line(std::string_view& rest) noexcept {
  const std::size_t end = rest.find('\n');
  if (end == std::string_view::npos || end == 0 || rest[end - 1] != '\r') return malformed("bare LF in the head");
  const std::string_view line = rest.substr(0, end - 1);
  if (line.find('\r') != std::string_view::npos) return malformed("bare CR in the head");
  rest.remove_prefix(end + 1);
  return line;
}

// Each byte is looked at once. `rest` ends with the empty line, which bounds every loop.
Result<void> cut_fields(std::string_view rest, std::size_t count_max, Fields& fields) {
  fields.clear();
  while (!rest.starts_with("\r\n")) {
    std::size_t colon = 0;
    while (is_token_char(rest[colon])) ++colon;
    if (rest[colon] != ':' || colon == 0) {
      // RFC 9112 sections 5.1 and 5.2: no line is folded, and no space stands before ':'.
      return malformed(is_blank(rest[0]) ? "folded header line" : "malformed header field name");
    }
    std::size_t begin = colon + 1;
    while (is_blank(rest[begin])) ++begin;
    const std::size_t line_end = skip_field_content(rest, begin);
    if (rest[line_end] != '\r') return malformed("control character or bare LF in a header field");
    if (rest[line_end + 1] != '\n') return malformed("bare CR in the head");
    std::size_t end = line_end;
    while (end > begin && is_blank(rest[end - 1])) --end;
    if (fields.size() == count_max)
      return Error{ErrorKind::header_too_large, base::Side::internal, "too many header fields"};
    const std::string_view name = rest.substr(0, colon);
    const bool plain = begin == colon + 2 && rest[colon + 1] == ' ' && end == line_end;
    fields.push_back({field_id(name), plain, name, rest.substr(begin, end - begin)});
    rest.remove_prefix(line_end + 2);
  }
  if (rest.size() > 2) return malformed("bytes behind the empty line");
  return {};
}

constexpr std::string_view kOurVersion = "HTTP/1.1";

// A line that was cut off, and the CRLF behind it.
std::string_view with_line_end(std::string_view line) noexcept {
  return {line.data(), line.size() + 2};
}

Result<Version> cut_version(std::string_view text) noexcept {
  const bool well_formed =
      text.size() == 8 && text.starts_with("HTTP/") && is_digit(text[5]) && text[6] == '.' && is_digit(text[7]);
  if (!well_formed) return malformed("malformed HTTP version");
  if (text[5] != '1') return Error{ErrorKind::unsupported_version, base::Side::internal, "only HTTP/1 is spoken here"};
  // RFC 9110 section 2.5: a higher minor version is read as the highest one known.
  return text[7] == '0' ? Version::http_1_0 : Version::http_1_1;
}

// Methods that llhttp knows from RTSP and ICE; in HTTP they are unknown ones like any other.
bool is_of_another_protocol(std::uint8_t method) noexcept {
  switch (method) {
    case HTTP_SOURCE:
    case HTTP_DESCRIBE:
    case HTTP_ANNOUNCE:
    case HTTP_SETUP:
    case HTTP_PLAY:
    case HTTP_PAUSE:
    case HTTP_TEARDOWN:
    case HTTP_GET_PARAMETER:
    case HTTP_SET_PARAMETER:
    case HTTP_REDIRECT:
    case HTTP_RECORD:
    case HTTP_FLUSH:
      return true;
    default:
      return false;
  }
}

bool speaks_of_framing(llhttp_errno_t code) noexcept {
  return code == HPE_INVALID_CONTENT_LENGTH || code == HPE_UNEXPECTED_CONTENT_LENGTH ||
         code == HPE_INVALID_TRANSFER_ENCODING;
}

bool is_target(std::string_view target) noexcept {
  return !target.empty() && std::ranges::all_of(target, is_target_char);
}

}  // namespace

struct HeadParser::Grammar {
  llhttp_t state;
};

HeadParser::HeadParser(Kind kind, HeadLimits limits)
    : kind_(kind), limits_(limits), grammar_(std::make_unique<Grammar>()) {
  reset();
}
HeadParser::~HeadParser() = default;
HeadParser::HeadParser(HeadParser&&) noexcept = default;
HeadParser& HeadParser::operator=(HeadParser&&) noexcept = default;

void HeadParser::reset() noexcept {
  llhttp_init(&grammar_->state, kind_ == Kind::request ? HTTP_REQUEST : HTTP_RESPONSE, &settings());
  // Which versions are spoken is decided by cut_version(); llhttp would refuse HTTP/1.2. (The flag is older than the
  // function that sets it.)
  grammar_->state.lenient_flags |= LENIENT_VERSION;
  fed_ = 0;
  head_bytes_ = 0;
  method_replaced_ = without_grammar_ = false;
}

HeadParser::Progress HeadParser::fail(ErrorKind kind, std::string_view detail) noexcept {
  error_ = Error{kind, base::Side::internal, detail};
  return Progress::failed;
}

HeadParser::Progress HeadParser::feed(std::string_view text) {
  LB_CHECK(text.size() >= fed_);
  const std::string_view fresh = text.substr(fed_, limits_.bytes + 1 > fed_ ? limits_.bytes + 1 - fed_ : 0);
  llhttp_errno_t outcome = llhttp_execute(&grammar_->state, fresh.data(), fresh.size());
  const std::size_t looked_at = fed_;
  fed_ += fresh.size();
  const std::string_view seen = text.substr(0, fed_);
  if (outcome != HPE_OK && outcome != HPE_PAUSED && read_as_known_method(seen)) {
    outcome = llhttp_get_errno(&grammar_->state);
  }
  if (outcome == HPE_PAUSED) {
    head_bytes_ = head_end(seen, static_cast<std::size_t>(llhttp_get_error_pos(&grammar_->state) - text.data()));
    if (head_bytes_ == 0) return fail(ErrorKind::malformed, "bare CR or LF in the head");
  } else if (outcome != HPE_OK && speaks_of_framing(outcome)) {
    if (!find_end_without_grammar(seen, looked_at)) return fail(ErrorKind::malformed, "bare CR or LF in the head");
  } else if (outcome != HPE_OK) {
    const Progress progress = fail_from_grammar(seen);
    if (progress != Progress::need_more) return progress;
  }
  if ((head_bytes_ == 0 ? fed_ : head_bytes_) > limits_.bytes) {
    // 414 when it is the request line that does not end (RFC 9110 section 15.5.15), 431 otherwise.
    const bool first_line =
        kind_ == Kind::request && seen.substr(0, limits_.bytes).find('\n') == std::string_view::npos;
    return first_line ? fail(ErrorKind::target_too_long, "request line too long")
                      : fail(ErrorKind::header_too_large, "header section too large");
  }
  return head_bytes_ == 0 ? Progress::need_more : Progress::complete;
}

// What lengths and codings mean is for http/framing to decide, which knows whose they are; llhttp refuses some that
// mean one thing ("5" and a tab, the same length twice). From there on the head's end is looked for alone: its lines
// are checked when they are cut. False: a line ends with a bare LF.
bool HeadParser::find_end_without_grammar(std::string_view text, std::size_t from) noexcept {
  std::size_t at = std::exchange(without_grammar_, true) && from > 2 ? from - 2 : 0;
  for (at = text.find('\n', at); at != std::string_view::npos; at = text.find('\n', at + 1)) {
    if (at == 0 || text[at - 1] != '\r') return false;
    if (text.substr(at + 1).starts_with("\r\n")) {
      head_bytes_ = at + 3;
      return true;
    }
  }
  return true;
}

// Any token is a method (RFC 9110 section 9.1), and llhttp knows a list of them; of those it knows from other protocols
// it demands their versions. With the method replaced by POST, which nothing follows from, it reads the rest by the
// same grammar. False: the method is not the reason, or its end has not come yet.
bool HeadParser::read_as_known_method(std::string_view text) noexcept {
  if (kind_ != Kind::request || method_replaced_) return false;
  const bool unknown = llhttp_get_errno(&grammar_->state) == HPE_INVALID_METHOD ||
                       is_of_another_protocol(llhttp_get_method(&grammar_->state));
  const auto* const method_end = std::ranges::find_if_not(text, is_token_char);
  if (!unknown || method_end == text.begin() || method_end == text.end() || *method_end != ' ') return false;
  const std::size_t fed = fed_;
  reset();
  fed_ = fed;
  method_replaced_ = true;
  constexpr std::string_view kKnown = "POST";
  llhttp_execute(&grammar_->state, kKnown.data(), kKnown.size());
  const std::string_view rest = text.substr(static_cast<std::size_t>(method_end - text.begin()));
  llhttp_execute(&grammar_->state, rest.data(), rest.size());
  return true;
}

// What llhttp refused. Where the verdict depends on bytes that have not come yet (the end of the method or of the
// version), they are waited for: any split of the same bytes must get the same answer. llhttp's error stays meanwhile.
HeadParser::Progress HeadParser::fail_from_grammar(std::string_view text) noexcept {
  const auto code = llhttp_get_errno(&grammar_->state);
  if (kind_ == Kind::request && code == HPE_INVALID_METHOD && std::ranges::all_of(text, is_token_char)) {
    return Progress::need_more;
  }
  if (kind_ == Kind::request && code == HPE_INVALID_VERSION) {
    const std::size_t line_end = text.find_first_of("\r\n");
    if (line_end == std::string_view::npos) return Progress::need_more;
    const std::string_view line = text.substr(0, line_end);
    const auto version = cut_version(line.substr(line.rfind(' ') + 1));
    if (!version) return fail(version.error().kind, version.error().detail);
  }
  const char* reason = llhttp_get_error_reason(&grammar_->state);  // static strings of llhttp
  return fail(ErrorKind::malformed, reason != nullptr ? std::string_view(reason) : std::string_view("malformed head"));
}

Result<void> HeadParser::cut_request(std::string_view text, RequestHead& head) const {
  LB_CHECK(head_bytes_ != 0 && text.size() >= head_bytes_);
  std::string_view rest = text.substr(0, head_bytes_);
  const auto line = cut_line(rest);
  if (!line) return line.error();
  const std::size_t first = line->find(' ');
  const std::size_t last = line->rfind(' ');
  if (first == std::string_view::npos || first == last)
    return malformed("request line without an HTTP version");  // HTTP/0.9
  head.method_name = line->substr(0, first);
  head.target = line->substr(first + 1, last - first - 1);
  const auto version = cut_version(line->substr(last + 1));
  if (!version) return version.error();
  if (!is_token(head.method_name)) return malformed("malformed request method");
  if (!is_target(head.target)) return malformed("malformed request target");
  head.version = *version;
  head.line = line->ends_with(kOurVersion) ? with_line_end(*line) : std::string_view();
  head.method = method_id(head.method_name);
  return cut_fields(rest, limits_.count, head.fields);
}

Result<void> HeadParser::cut_response(std::string_view text, ResponseHead& head) const {
  LB_CHECK(head_bytes_ != 0 && text.size() >= head_bytes_);
  std::string_view rest = text.substr(0, head_bytes_);
  const auto line = cut_line(rest);
  if (!line) return line.error();
  // HTTP-version SP 3DIGIT SP [reason]; the last space is often missing where there is no reason.
  if (line->size() < 12 || (*line)[8] != ' ' || (line->size() > 12 && (*line)[12] != ' '))
    return malformed("malformed status line");
  const auto version = cut_version(line->substr(0, 8));
  if (!version) return version.error();
  const auto status = parse_decimal(line->substr(9, 3));
  if (!status || *status < 100) return malformed("malformed status code");
  head.version = *version;
  head.line = line->starts_with(kOurVersion) && line->size() > 12 ? with_line_end(*line) : std::string_view();
  head.status = static_cast<unsigned>(*status);
  head.reason = line->size() > 13 ? line->substr(13) : std::string_view();
  if (!is_field_value(head.reason)) return malformed("control character in the status line");
  return cut_fields(rest, limits_.count, head.fields);
}

}  // namespace lb::http
