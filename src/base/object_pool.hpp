// A pool of objects of one worker, which keep between two uses what their buffers have grown to. The one that was used
// last is used next: it is still in the processor's cache.
#pragma once

#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

namespace lb::base {

template <class T>
class ObjectPool {
 public:
  explicit ObjectPool(std::size_t kept_max) { kept_.reserve(kept_max); }

  // Null where it is empty.
  [[nodiscard]] std::unique_ptr<T> take() noexcept {
    if (kept_.empty()) return nullptr;
    std::unique_ptr<T> object = std::move(kept_.back());
    kept_.pop_back();
    return object;
  }
  // Keeps it, or destroys it where there are enough already.
  void give_back(std::unique_ptr<T> object) noexcept {
    if (kept_.size() < kept_.capacity()) kept_.push_back(std::move(object));
  }

 private:
  std::vector<std::unique_ptr<T>> kept_;
};

}  // namespace lb::base
