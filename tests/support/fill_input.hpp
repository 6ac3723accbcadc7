// Puts bytes into an input buffer, as reads do.
#pragma once

#include <algorithm>
#include <cstring>
#include <string_view>

#include <gtest/gtest.h>

#include "net/input_buffer.hpp"

namespace lb::test {

inline void append(net::InputBuffer& input, std::string_view bytes, std::size_t bytes_max = 1U << 20U) {
  while (!bytes.empty()) {
    const auto room = input.up_to(bytes_max).prepare(0);
    ASSERT_GT(room.size(), 0U);
    const std::size_t count = std::min(room.size(), bytes.size());
    std::memcpy(room.data(), bytes.data(), count);
    input.commit(count);
    bytes.remove_prefix(count);
  }
}

}  // namespace lb::test
