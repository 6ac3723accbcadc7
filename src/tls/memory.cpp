#include "tls/memory.hpp"

#include <array>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <malloc.h>
#include <openssl/crypto.h>

namespace lb::tls {
namespace {

// What is kept is of one size, so that each fits: a record with all that may be around it, and the buffer of a
// handshake, for which OpenSSL takes a third more than a record.
constexpr std::size_t kKeptFrom = 8 * 1024;
constexpr std::size_t kKeptBytes = 24 * 1024;

class Kept {
 public:
  ~Kept() {
    while (count_ > 0) std::free(buffers_[--count_]);
    closed_ = true;
  }
  [[nodiscard]] void* take() noexcept { return count_ == 0 ? nullptr : buffers_[--count_]; }
  [[nodiscard]] bool give_back(void* buffer) noexcept {
    if (closed_ || count_ == buffers_.size()) return false;
    buffers_[count_++] = buffer;
    return true;
  }

 private:
  std::array<void*, 16> buffers_{};
  std::size_t count_ = 0;
  bool closed_ = false;  // the thread ends
};

Kept& kept() noexcept {
  thread_local Kept kept;
  return kept;
}

bool is_kept(std::size_t bytes) noexcept {
  return bytes > kKeptFrom && bytes <= kKeptBytes;
}

void* allocate(std::size_t bytes, const char* /*file*/, int /*line*/) {
  if (bytes == 0) return nullptr;
  if (!is_kept(bytes)) return std::malloc(bytes);
  void* const buffer = kept().take();
  return buffer != nullptr ? buffer : std::malloc(kKeptBytes);
}

void release(void* buffer, const char* /*file*/, int /*line*/) {
  if (buffer == nullptr) return;
  // Of that size are those alone that allocate() has made so, and a few that happen to be: they serve as well.
  const std::size_t bytes = ::malloc_usable_size(buffer);
  if (bytes >= kKeptBytes && bytes < 2 * kKeptBytes && kept().give_back(buffer)) return;
  std::free(buffer);
}

void* resize(void* buffer, std::size_t bytes, const char* file, int line) {
  if (buffer == nullptr) return allocate(bytes, file, line);
  if (bytes == 0) {
    release(buffer, file, line);
    return nullptr;
  }
  return std::realloc(buffer, bytes);
}

}  // namespace

void keep_buffers() noexcept {
  static_cast<void>(CRYPTO_set_mem_functions(&allocate, &resize, &release));
}

}  // namespace lb::tls
