// Requests that have to be refused, as tables.
#pragma once

#include <string>
#include <vector>

namespace lb::support {

struct RefusedRequest {
  const char* name;
  std::string request;
  int status = 400;
};

// Runs a table against one balancer. Each request goes out in one write, with another one behind it, as in an attempt
// at smuggling: that one must never be answered. Expects the status, a closed connection, and not a byte at the
// backend.
void expect_refused(const std::vector<RefusedRequest>& requests);

// Request texts with these fields (whole lines) and this body as they stand, correct or not.
[[nodiscard]] std::string post(const std::string& fields, const std::string& body);
[[nodiscard]] std::string chunked(const std::string& body);

// The fields that the balancer adds to each request for the host "test" that it forwards.
extern const std::string kForwardingFields;

}  // namespace lb::support
