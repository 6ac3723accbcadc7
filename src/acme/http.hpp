// How the authority is asked. The program does it over TLS; a test by whatever it likes.
#pragma once

#include <chrono>
#include <string>

#include "acme/limits.hpp"
#include "base/clock.hpp"
#include "base/error.hpp"
#include "net/awaitable.hpp"

namespace lb::acme {

struct HttpRequest {
  std::string method;          // HEAD, GET or POST
  std::string url;             // https, always
  std::string content_type{};  // of the body; empty: there is none
  std::string body{};
};

struct HttpAnswer {
  unsigned status = 0;
  std::string content_type{};
  std::string body{};      // a longer one than kAnswerBytesMax is an error: body_too_large
  std::string location{};  // the fields of these names, empty if there is none
  std::string replay_nonce{};
  std::chrono::seconds retry_after{0};  // from now, whether it was a number or a date; 0: none
};

class Http {
 public:
  Http() = default;
  Http(const Http&) = delete;
  Http& operator=(const Http&) = delete;
  virtual ~Http() = default;

  // Sends a request, with a User-Agent (RFC 8555 section 6.1), follows no redirection, and returns at the deadline at
  // the latest. One request at a time.
  virtual net::Awaitable<base::Result<HttpAnswer>> send(HttpRequest request, base::Deadline deadline) = 0;
};

}  // namespace lb::acme
