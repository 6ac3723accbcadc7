// A function that somebody else keeps, for as long as a call takes.
#pragma once

#include <memory>
#include <type_traits>
#include <utility>

namespace lb::base {

template <class Signature>
class FunctionRef;

// As C++26's std::function_ref: two words, no allocation. What it refers to outlives it: a parameter's type, no
// member's.
template <class Result, class... Args>
class FunctionRef<Result(Args...)> {
 public:
  template <class Function>
    requires(!std::is_same_v<std::remove_cvref_t<Function>, FunctionRef>)
  // NOLINTNEXTLINE(google-explicit-constructor, cppcoreguidelines-missing-std-forward): that is what it is for
  FunctionRef(Function&& function) noexcept
      : object_(const_cast<void*>(static_cast<const void*>(std::addressof(function)))),
        call_([](void* object, Args... args) -> Result {
          return (*static_cast<std::remove_reference_t<Function>*>(object))(std::forward<Args>(args)...);
        }) {}

  Result operator()(Args... args) const { return call_(object_, std::forward<Args>(args)...); }

 private:
  void* object_;
  Result (*call_)(void*, Args...);
};

}  // namespace lb::base
