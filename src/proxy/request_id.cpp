#include "proxy/request_id.hpp"

#include <array>
#include <cstdint>
#include <cstring>

namespace lb::proxy {
namespace {

// Eight hexadecimal digits at once: each byte of the word becomes the digit of one of its four bits.
std::uint64_t hex_digits(std::uint32_t number) noexcept {
  std::uint64_t nibbles = number;
  nibbles = (nibbles | nibbles << 16U) & 0x0000ffff0000ffff;
  nibbles = (nibbles | nibbles << 8U) & 0x00ff00ff00ff00ff;
  nibbles = (nibbles | nibbles << 4U) & 0x0f0f0f0f0f0f0f0f;
  const std::uint64_t letters = (nibbles + 0x0606060606060606) >> 4U & 0x0101010101010101;  // 1 where it is 10 or more
  return nibbles + 0x3030303030303030 + letters * ('a' - '0' - 10);
}

}  // namespace

void make_request_id(base::Random& random, std::string& out) {
  std::array<std::uint64_t, 4> digits;
  for (std::size_t i = 0; i < digits.size(); i += 2) {
    const std::uint64_t bits = random.next();
    digits[i] = hex_digits(static_cast<std::uint32_t>(bits >> 32U));
    digits[i + 1] = hex_digits(static_cast<std::uint32_t>(bits));
  }
  out.resize(sizeof digits);
  std::memcpy(out.data(), digits.data(), sizeof digits);
}

}  // namespace lb::proxy
