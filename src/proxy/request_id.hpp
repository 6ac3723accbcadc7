// Ids of requests that came without one.
#pragma once

#include <string>

#include "base/random.hpp"

namespace lb::proxy {

// An id in the form of a W3C trace id. A worker never makes the same one twice, and two workers, of this balancer or
// another, have the chance of one in 2^64 to be in step.
void make_request_id(base::Random& random, std::string& out);

}  // namespace lb::proxy
