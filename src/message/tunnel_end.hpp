// One side of a tunnel.
#pragma once

#include "net/input_buffer.hpp"

namespace lb::message {

// After 101 (RFC 9110 section 7.8) or a CONNECT that was agreed to: the stream's bytes are whatever the two sides say
// to each other. `input` holds those that were read already.
struct TunnelEnd {
  net::Stream& stream;
  net::InputBuffer& input;
};

}  // namespace lb::message
