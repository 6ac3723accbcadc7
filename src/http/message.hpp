// Heads of requests and responses as views into the bytes they were read from.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "http/text.hpp"

namespace lb::http {

// The fields a proxy must understand; every other field passes through unread.
// "Twins" are names with an underscore that CGI and its descendants make the same as one with a hyphen.
enum class FieldId : std::uint8_t {
  other,
  accept,
  authorization,
  connection,
  content_length,
  cookie,
  endpoint_load_metrics,
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
  x_client_cert,  // X-Client-Cert-Subject, X-Client-Cert-SHA256, and their twins
  www_authenticate,
  x_forwarded_for,
  x_forwarded_host,
  x_forwarded_proto,
  x_request_id,
  x_forwarded_twin,  // "X_Forwarded_For" and the like; the last: Fields counts on fewer than 32
};

// The id of a field name in any spelling of its letters.
[[nodiscard]] FieldId field_id(std::string_view name) noexcept;

struct Field {
  FieldId id = FieldId::other;
  bool plain = false;      // the head has it as "name: value" CRLF, so that its line can be copied as it stands
  std::string_view name;   // as it was spelled
  std::string_view value;  // without white space around it

  // Of a plain field.
  [[nodiscard]] std::string_view line() const noexcept { return {name.data(), name.size() + value.size() + 4}; }
};

// The fields of a head in their order. Most questions are about fields that a head does not have: has() answers them.
class Fields {
 public:
  void push_back(const Field& field) {
    if (field.id == FieldId::connection) {
      const bool usual = equals_ignoring_case(field.value, "keep-alive") || equals_ignoring_case(field.value, "close");
      connection_is_unusual_ = !usual || has(FieldId::connection);
    }
    fields_.push_back(field);
    seen_ |= bit(field.id);
  }
  void clear() noexcept {
    fields_.clear();
    seen_ = 0;
    connection_is_unusual_ = false;
  }

  [[nodiscard]] bool has(FieldId id) const noexcept { return (seen_ & bit(id)) != 0; }
  // Whether Connection says anything but a single keep-alive or close.
  [[nodiscard]] bool connection_is_unusual() const noexcept { return connection_is_unusual_; }
  [[nodiscard]] std::size_t size() const noexcept { return fields_.size(); }
  [[nodiscard]] auto begin() const noexcept { return fields_.begin(); }
  [[nodiscard]] auto end() const noexcept { return fields_.end(); }

 private:
  [[nodiscard]] static constexpr std::uint32_t bit(FieldId id) noexcept { return 1U << static_cast<unsigned>(id); }

  std::vector<Field> fields_;
  std::uint32_t seen_ = 0;
  bool connection_is_unusual_ = false;
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
  std::string_view line;  // as it stands, with its CRLF, if it can be sent on like that; else empty
  std::string_view method_name;
  std::string_view target;
  Fields fields;
};

struct ResponseHead {
  Version version = Version::http_1_1;
  std::string_view line;  // as of a request
  unsigned status = 0;    // 100 ... 999
  std::string_view reason;
  Fields fields;
};

}  // namespace lb::http
