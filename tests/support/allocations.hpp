// Counts what this thread takes from the heap.
#pragma once

#include <cstddef>

namespace lb::test {

// Calls of malloc and its kin since the program began, operator new among them. In the whole program of a test that is
// linked with allocations.cpp.
[[nodiscard]] std::size_t allocations() noexcept;

}  // namespace lb::test
