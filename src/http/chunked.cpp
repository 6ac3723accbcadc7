#include "http/chunked.hpp"

#include <algorithm>
#include <charconv>

#include "base/check.hpp"
#include "base/limits.hpp"
#include "http/message.hpp"
#include "http/text.hpp"

namespace lb::http {
namespace {

using base::Error;
using base::ErrorKind;
using base::Result;

Error malformed(std::string_view detail) noexcept {
  return {ErrorKind::malformed, base::Side::internal, detail};
}

int hex_value(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  const char lower = to_lower(c);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

// RFC 9110 section 6.5.1: what frames or routes a message, or controls its connection, has no meaning in a trailer and
// is an attack there.
bool is_forbidden_in_trailers(FieldId id) noexcept {
  switch (id) {
    case FieldId::connection:
    case FieldId::content_length:
    case FieldId::expect:
    case FieldId::framing_twin:
    case FieldId::host:
    case FieldId::keep_alive:
    case FieldId::max_forwards:
    case FieldId::proxy_authenticate:
    case FieldId::proxy_authorization:
    case FieldId::proxy_connection:
    case FieldId::te:
    case FieldId::trailer:
    case FieldId::transfer_encoding:
    case FieldId::upgrade:
      return true;
    default:
      return false;
  }
}

// What says who the client is, what it may do, or what the content is: whoever merges trailers into the head would take
// them for what the head says. The same section lets a recipient discard them.
bool is_discarded_in_trailers(FieldId id, std::string_view name) noexcept {
  switch (id) {
    case FieldId::date:
    case FieldId::via:
    case FieldId::x_forwarded_for:
    case FieldId::x_forwarded_host:
    case FieldId::x_forwarded_proto:
    case FieldId::x_forwarded_twin:
    case FieldId::x_request_id:
      return true;
    default:
      break;
  }
  static constexpr std::array<std::string_view, 21> kNames{
      "age",           "authorization", "cache-control", "content-encoding",
      "content-range", "content-type",  "cookie",        "expires",
      "forwarded",     "if-match",      "if-none-match", "if-modified-since",
      "if-range",      "location",      "range",         "if-unmodified-since",
      "retry-after",   "set-cookie",    "vary",          "www-authenticate",
      "x-real-ip"};
  return std::ranges::any_of(kNames, [name](std::string_view one) { return equals_ignoring_case(name, one); });
}

}  // namespace

void ChunkedDecoder::reset(std::size_t trailer_count_max, Sender sender) noexcept {
  state_ = State::size_start;
  sender_ = sender;
  left_ = 0;
  line_bytes_ = 0;
  trailer_bytes_ = 0;
  trailer_count_left_ = trailer_count_max;
  overhead_ = 0;
  last_chunk_ = false;
  line_.clear();
  trailers_.clear();
}

Result<ChunkedDecoder::Step> ChunkedDecoder::next(std::string_view input) {
  LB_CHECK(state_ != State::done);
  for (std::size_t at = 0; at < input.size(); ++at) {
    const char c = input[at];
    switch (state_) {
      case State::data: {
        const std::size_t size = static_cast<std::size_t>(std::min<std::uint64_t>(left_, input.size() - at));
        left_ -= size;
        if (left_ == 0) state_ = State::data_cr;
        return Step{Event::data, at + size, input.substr(at, size)};
      }
      case State::data_cr:
        if (c != '\r') return malformed("chunk data without its CRLF");
        state_ = State::data_lf;
        break;
      case State::data_lf:
        if (c != '\n') return malformed("chunk data without its CRLF");
        state_ = State::size_start;
        line_bytes_ = 0;
        break;
      case State::trailer:
      case State::trailer_lf: {
        const auto taken = trailer_byte(c);
        if (!taken) return taken.error();
        if (state_ == State::done) return Step{Event::end, at + 1, {}};
        break;
      }
      default: {
        const auto taken = size_byte(c);
        if (!taken) return taken.error();
      }
    }
  }
  return Step{Event::need_more, input.size(), {}};
}

// chunk-size [ chunk-ext ] CRLF. No sign, no white space before the size; behind it only where that is allowed.
// Extensions are read over.
Result<void> ChunkedDecoder::size_byte(char c) {
  if (++line_bytes_ > base::kChunkLineBytesMax) return malformed("chunk extension too long");
  switch (state_) {
    case State::size_start: {
      const int digit = hex_value(c);
      if (digit < 0) return malformed("malformed chunk size");
      left_ = static_cast<std::uint64_t>(digit);
      state_ = State::size;
      return {};
    }
    case State::size: {
      const int digit = hex_value(c);
      if (digit >= 0) {
        if (left_ > (static_cast<std::uint64_t>(INT64_MAX) >> 4)) return malformed("chunk size overflows");
        left_ = left_ * 16 + static_cast<std::uint64_t>(digit);
        return {};
      }
      return behind_size(c);
    }
    case State::padding:
      return behind_size(c);
    case State::extension:
      if (c == '\r') {
        state_ = State::size_lf;
      } else if (!is_field_value(std::string_view(&c, 1))) {
        return malformed("control character in a chunk extension");
      }
      return {};
    default:
      LB_CHECK(state_ == State::size_lf);
      if (c != '\n') return malformed("bare CR in a chunk size line");
      // What is more than a size, its CRLFs and as much again as the data: many small chunks are slow, and many long
      // extensions are an attack (Go's CVE-2023-39326).
      overhead_ += line_bytes_;
      overhead_ -= std::min<std::uint64_t>(overhead_, 16 + 2 * std::min(left_, std::uint64_t{1} << 32U));
      if (overhead_ > base::kChunkOverheadMax) return malformed("more chunk extensions than data");
      last_chunk_ = left_ == 0;
      state_ = last_chunk_ ? State::trailer : State::data;
      return {};
  }
}

Result<void> ChunkedDecoder::behind_size(char c) noexcept {
  if (c == ';') {
    state_ = State::extension;
  } else if (c == '\r') {
    state_ = State::size_lf;
  } else if (is_blank(c) && sender_ == Sender::backend) {
    state_ = State::padding;
  } else {
    return malformed("malformed chunk size");
  }
  return {};
}

Result<void> ChunkedDecoder::trailer_byte(char c) {
  if (++trailer_bytes_ > base::kTrailerBytesMax) {
    return Error{ErrorKind::header_too_large, base::Side::internal, "trailer section too large"};
  }
  if (state_ == State::trailer) {
    if (c == '\r') {
      state_ = State::trailer_lf;
    } else if (c == '\n') {
      return malformed("bare LF in the trailer section");
    } else {
      line_.push_back(c);
    }
    return {};
  }
  if (c != '\n') return malformed("bare CR in the trailer section");
  if (line_.empty()) {
    state_ = State::done;
    return {};
  }
  state_ = State::trailer;
  return take_trailer_line();
}

Result<void> ChunkedDecoder::take_trailer_line() {
  const std::string_view line = line_;
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos || !is_token(line.substr(0, colon))) return malformed("malformed trailer field");
  const std::string_view name = line.substr(0, colon);
  const std::string_view value = trimmed(line.substr(colon + 1));
  if (!is_field_value(value)) return malformed("control character in a trailer field");
  const FieldId id = field_id(name);
  const bool forbidden = is_forbidden_in_trailers(id);
  if (forbidden && sender_ == Sender::client) return malformed("field that is forbidden in a trailer section");
  if (trailer_count_left_ == 0)
    return Error{ErrorKind::header_too_large, base::Side::internal, "too many trailer fields"};
  --trailer_count_left_;
  if (!forbidden && !is_discarded_in_trailers(id, name))
    trailers_.append(name).append(": ").append(value).append("\r\n");
  line_.clear();
  return {};
}

std::string_view chunk_size_line(std::uint64_t size, std::array<char, 20>& storage) noexcept {
  LB_CHECK(size != 0);  // an empty chunk would end the body
  const auto end = std::to_chars(storage.data(), storage.data() + 16, size, 16).ptr;
  end[0] = '\r';
  end[1] = '\n';
  return {storage.data(), static_cast<std::size_t>(end + 2 - storage.data())};
}

}  // namespace lb::http
