// LB_CHECK states what only our own mistake can break. It stays on in release builds: a proxy that goes on with a
// broken invariant mixes up two users' bytes. Never check anything a peer, a file or the operating system can cause.
#pragma once

namespace lb::base {

[[noreturn]] void check_failed(const char* condition, const char* file, int line) noexcept;

}  // namespace lb::base

#define LB_CHECK(condition)                                     \
  do {                                                          \
    if (!(condition)) [[unlikely]]                              \
      ::lb::base::check_failed(#condition, __FILE__, __LINE__); \
  } while (false)
