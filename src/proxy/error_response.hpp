// The balancer's own answers. The only place that turns an error into a status.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "message/own_answer.hpp"
#include "telemetry/request_record.hpp"

namespace lb::proxy {

enum class ErrorFormat : std::uint8_t { text, json };

struct ErrorStatus {
  unsigned status = 500;
  std::string_view reason;
  std::string_view proxy_status;  // the error type of RFC 9209 section 2.3
};

[[nodiscard]] telemetry::Refusal refusal_of(const base::Error& error) noexcept;
[[nodiscard]] ErrorStatus status_of(const base::Error& error) noexcept;

// True if there is nobody to answer: the client has left, or the server is being torn down.
[[nodiscard]] bool is_unanswerable(const base::Error& error) noexcept;

// Nothing of the request is reflected in it. `details`: a sentence of ours for the Proxy-Status field (RFC 9209
// section 2.1.2), or empty.
[[nodiscard]] message::OwnAnswer make_error_answer(const base::Error& error, ErrorFormat format,
                                                   std::string_view details = {});

// The answer to OPTIONS that was to go no further than here (RFC 9110 section 7.6.2).
[[nodiscard]] message::OwnAnswer make_options_answer();

}  // namespace lb::proxy
