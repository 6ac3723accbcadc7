#include "support/allocations.hpp"

#include <cstddef>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define LB_ADDRESS_SANITIZER 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define LB_ADDRESS_SANITIZER 1
#endif

#if defined(LB_ADDRESS_SANITIZER)
// As in sanitizer/allocator_interface.h, which comes with Clang alone.
extern "C" int __sanitizer_install_malloc_and_free_hooks(void (*on_malloc)(const volatile void*, std::size_t),
                                                         void (*on_free)(const volatile void*));
#endif

namespace {

constinit thread_local std::size_t t_count = 0;

}  // namespace

#if defined(LB_ADDRESS_SANITIZER)

// The sanitizer has an allocator of its own, and calls whoever wants to know.
namespace {

void count(const volatile void*, std::size_t) {
  ++t_count;
}
void ignore(const volatile void*) {}
const int g_installed = __sanitizer_install_malloc_and_free_hooks(&count, &ignore);

}  // namespace

#else

// glibc's functions under their other names: these here take the place of the usual ones in the whole program.
extern "C" {

void* __libc_malloc(std::size_t size);
void* __libc_calloc(std::size_t count, std::size_t size);
void* __libc_realloc(void* memory, std::size_t size);
void* __libc_memalign(std::size_t alignment, std::size_t size);

void* malloc(std::size_t size) {
  ++t_count;
  return __libc_malloc(size);
}
void* calloc(std::size_t count, std::size_t size) {
  ++t_count;
  return __libc_calloc(count, size);
}
void* realloc(void* memory, std::size_t size) {
  ++t_count;
  return __libc_realloc(memory, size);
}
void* aligned_alloc(std::size_t alignment, std::size_t size) {
  ++t_count;
  return __libc_memalign(alignment, size);
}

}  // extern "C"

#endif

std::size_t lb::test::allocations() noexcept {
  return t_count;
}
