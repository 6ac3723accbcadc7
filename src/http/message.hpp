// Heads of requests and responses as views into the bytes they were read from.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace lb::http {

// The fields a proxy must understand; every other field passes through unread.
// "Twins" are names with an underscore that CGI and its descendants make the same as one with a hyphen.
enum class FieldId : std::uint8_t {
  other,
  accept,
  connection,
  content_length,
  framing_twin,  // Content_Length, Transfer_Encoding
  date,
  expect,
  host,
  http2_settings,
  keep_alive,
  max_forwards,
  proxy_authenticate,
  proxy_authorization,
  proxy_connection,
  te,
  trailer,
  transfer_encoding,
  upgrade,
  via,
  x_forwarded_for,
  x_forwarded_host,
  x_forwarded_proto,
  x_forwarded_twin,  // "X_Forwarded_For" and the like
};

// The id of a field name in any spelling of its letters.
[[nodiscard]] FieldId field_id(std::string_view name) noexcept;

struct Field {
  FieldId id = FieldId::other;
  std::string_view name;   // as it was spelled
  std::string_view value;  // without white space around it
};

enum class Version : std::uint8_t { http_1_0, http_1_1 };

enum class Method : std::uint8_t { get, head, post, put, delete_, options, trace, connect, other };

[[nodiscard]] Method method_id(std::string_view name) noexcept;

// RFC 9110 section 9.2.2: doing it twice has the effect of doing it once, so that a proxy may repeat it.
[[nodiscard]] constexpr bool is_idempotent(Method method) noexcept {
  return method != Method::post && method != Method::connect && method != Method::other;
}

// All views point into the buffer that was parsed and live as long as its bytes stay where they are.
struct RequestHead {
  Method method = Method::other;
  Version version = Version::http_1_1;
  std::string_view method_name;
  std::string_view target;
  std::vector<Field> fields;
};

struct ResponseHead {
  Version version = Version::http_1_1;
  unsigned status = 0;  // 100 ... 999
  std::string_view reason;
  std::vector<Field> fields;
};

}  // namespace lb::http
