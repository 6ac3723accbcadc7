// Memory for the frames of coroutines: a request needs a dozen of them for moments, and each size again and again.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <new>

#include "net/asan.hpp"

namespace lb::net {

// Free frames of one thread, by size. A frame may be given back on another thread than it was taken on.
class FramePool {
 public:
  constexpr FramePool() noexcept = default;
  FramePool(const FramePool&) = delete;
  FramePool& operator=(const FramePool&) = delete;
  ~FramePool() {
    for (Class& of_size : classes_) {
      while (of_size.first != nullptr) ::operator delete(pop(of_size));
      of_size.free = kFreeMax;  // whoever gives a frame back later, at the thread's end, gives it to the allocator
    }
  }

  [[nodiscard]] static FramePool& of_this_thread() noexcept {
    static thread_local FramePool pool;
    return pool;
  }

  [[nodiscard]] void* take(std::size_t size) {
    const std::size_t index = index_of(size);
    if (index >= kClasses) return ::operator new(size);
    if (classes_[index].first == nullptr) return ::operator new(bytes_of(index));
    return pop(classes_[index]);
  }

  void give_back(void* frame, std::size_t size) noexcept {
    const std::size_t index = index_of(size);
    if (index >= kClasses || classes_[index].free >= kFreeMax) return ::operator delete(frame);
    Class& of_size = classes_[index];
    of_size.first = new (frame) Free{of_size.first};
    ++of_size.free;
    poison(frame, bytes_of(index));
  }

 private:
  struct Free {
    Free* next;
  };
  struct Class {
    Free* first = nullptr;
    std::uint32_t free = 0;
  };

  static constexpr std::size_t kStep = 16;
  static constexpr std::size_t kClasses = 256;
  // What a crowd of coroutines leaves behind is given to the allocator, beyond what a busy worker uses all the time.
  static constexpr std::uint32_t kFreeMax = 32;

  // The sizes that the usual allocators have nothing to add to: with their own 8 bytes they are multiples of the step.
  [[nodiscard]] static constexpr std::size_t bytes_of(std::size_t index) noexcept { return index * kStep + 8; }
  [[nodiscard]] static constexpr std::size_t index_of(std::size_t size) noexcept { return (size + 7) / kStep; }
  [[nodiscard]] void* pop(Class& of_size) noexcept {
    Free* const frame = of_size.first;
    unpoison(frame, bytes_of(static_cast<std::size_t>(&of_size - classes_.data())));
    of_size.first = frame->next;
    --of_size.free;
    return frame;
  }

  std::array<Class, kClasses> classes_{};
};

}  // namespace lb::net
