// A member function of an object, to be called when something happens.
#pragma once

namespace lb::base {

template <class Signature>
class Callback;

// Two words, no allocation. The object outlives its calls.
template <class... Args>
class Callback<void(Args...)> {
 public:
  // Calls nobody.
  Callback() noexcept = default;
  template <auto Method, class Object>
  [[nodiscard]] static Callback to(Object& object) noexcept {
    Callback callback;
    callback.object_ = &object;
    callback.call_ = [](void* self, Args... args) noexcept { (static_cast<Object*>(self)->*Method)(args...); };
    return callback;
  }

  [[nodiscard]] explicit operator bool() const noexcept { return call_ != nullptr; }
  void operator()(Args... args) const noexcept { call_(object_, args...); }

 private:
  void* object_ = nullptr;
  void (*call_)(void*, Args...) noexcept = nullptr;
};

}  // namespace lb::base
