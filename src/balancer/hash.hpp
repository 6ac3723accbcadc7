// Hashes that are the same on every machine and in every version: what is chosen by them must not move.
#pragma once

#include <cstdint>
#include <string_view>

namespace lb::balancer {

// The finalizer of MurmurHash3 (A. Appleby).
[[nodiscard]] constexpr std::uint64_t mix(std::uint64_t value) noexcept {
  value ^= value >> 33U;
  value *= 0xff51afd7ed558ccdULL;
  value ^= value >> 33U;
  value *= 0xc4ceb9fe1a85ec53ULL;
  return value ^ value >> 33U;
}

// FNV-1a (G. Fowler et al.), mixed, for its upper bits are weak where texts are short.
[[nodiscard]] constexpr std::uint64_t hash_of(std::string_view text) noexcept {
  std::uint64_t hash = 0xcbf29ce484222325ULL;
  for (const char c : text) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 0x100000001b3ULL;
  }
  return mix(hash);
}

}  // namespace lb::balancer
