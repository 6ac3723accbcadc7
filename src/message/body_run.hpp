// A part of a body.
#pragma once

#include <cstddef>

#include <boost/asio/buffer.hpp>
#include <boost/container/static_vector.hpp>

#include "net/stream.hpp"

namespace lb::message {

// Views into the buffer of whoever has read it, valid until the next read.
struct BodyRun {
  static constexpr std::size_t kPiecesMax = 8;

  boost::container::static_vector<net::asio::const_buffer, kPiecesMax> pieces;
  std::size_t bytes = 0;
  bool end = false;  // nothing follows
};

}  // namespace lb::message
