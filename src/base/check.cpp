#include "base/check.hpp"

#include <cstdio>
#include <cstdlib>

namespace lb::base {

void check_failed(const char* condition, const char* file, int line) noexcept {
  // Not through the logger: it may be what is broken, and its queue would be lost with the process.
  std::fprintf(stderr, "%s:%d: broken invariant: %s\n", file, line, condition);
  std::abort();
}

}  // namespace lb::base
