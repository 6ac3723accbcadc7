// A buffer to read into that is always there.
#pragma once

#include <span>

#include "net/stream.hpp"

namespace lb::test {

class PlainBuffer final : public net::ReadBuffer {
 public:
  explicit PlainBuffer(std::span<char> room) noexcept : room_(room) {}
  [[nodiscard]] net::asio::mutable_buffer prepare(std::size_t) override { return {room_.data(), room_.size()}; }
  void release() noexcept override {}

 private:
  std::span<char> room_;
};

}  // namespace lb::test
