// The balancer's own answers. The only place that turns an error into a status.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "telemetry/request_record.hpp"

namespace lb::proxy {

enum class ErrorFormat : std::uint8_t { text, json };
enum class AfterAnswer : std::uint8_t { keep_alive, keep_alive_said, close };
enum class AnswerBody : std::uint8_t { sent, left_out };  // left out: the answer to HEAD

struct ErrorStatus {
  unsigned status = 500;
  std::string_view reason;
  std::string_view proxy_status;  // the error type of RFC 9209 section 2.3
};

[[nodiscard]] telemetry::Refusal refusal_of(const base::Error& error) noexcept;
[[nodiscard]] ErrorStatus status_of(const base::Error& error) noexcept;

// True if there is nobody to answer: the client has left, or the server is being torn down.
[[nodiscard]] bool is_unanswerable(const base::Error& error) noexcept;

// The whole response. Nothing of the request is reflected in it. `date`: for the Date field; `request_id`: a made one,
// or empty; `details`: a sentence of ours for the Proxy-Status field (RFC 9209 section 2.1.2), or empty.
[[nodiscard]] std::string make_error_response(const base::Error& error, ErrorFormat format, AfterAnswer after,
                                              AnswerBody body, std::string_view date, std::string_view request_id = {},
                                              std::string_view details = {});

// The answer to OPTIONS that was to go no further than here (RFC 9110 section 7.6.2), as a whole response.
[[nodiscard]] std::string make_options_response(AfterAnswer after, std::string_view date);

}  // namespace lb::proxy
