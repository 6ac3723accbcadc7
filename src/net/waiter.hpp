// The continuation of one suspended coroutine, kept in place: waiting allocates nothing.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

#include <boost/asio/async_result.hpp>
#include <boost/asio/post.hpp>

#include "base/check.hpp"
#include "net/executor.hpp"

namespace lb::net {

// One thread, one coroutine at a time. Destroying it drops the coroutine; owners let theirs finish first.
class Waiter {
 public:
  Waiter() noexcept = default;
  Waiter(const Waiter&) = delete;
  Waiter& operator=(const Waiter&) = delete;
  ~Waiter() {
    if (verbs_ != nullptr) verbs_->destroy(*this);
  }

  // co_await waiter.suspend(): until resume() or post().
  [[nodiscard]] auto suspend() {
    LB_CHECK(verbs_ == nullptr);
    return asio::async_initiate<const asio::deferred_t, void()>([this](auto handler) { keep(std::move(handler)); },
                                                                asio::deferred);
  }
  [[nodiscard]] explicit operator bool() const noexcept { return verbs_ != nullptr; }

  // Runs the coroutine inside this call. Only from the event loop: whoever calls this from another coroutine would run
  // one inside the other.
  void resume() { verbs_->resume(*this); }
  // Runs it later, from the event loop.
  void post(const Executor& executor) { verbs_->post(*this, executor); }

 private:
  struct Verbs {
    void (*resume)(Waiter&);
    void (*post)(Waiter&, const Executor&);
    void (*destroy)(Waiter&) noexcept;
  };

  template <class Handler>
  void keep(Handler&& handler) {
    using Kept = std::decay_t<Handler>;
    static_assert(sizeof(Kept) <= sizeof(storage_) && alignof(Kept) <= alignof(void*));
    static constexpr Verbs kVerbs{
        [](Waiter& waiter) { waiter.take<Kept>()(); },
        [](Waiter& waiter, const Executor& executor) { asio::post(executor, waiter.take<Kept>()); },
        [](Waiter& waiter) noexcept { static_cast<void>(waiter.take<Kept>()); },
    };
    ::new (static_cast<void*>(storage_.data())) Kept(std::forward<Handler>(handler));
    verbs_ = &kVerbs;
  }

  template <class Kept>
  Kept take() noexcept {
    auto* kept = std::launder(reinterpret_cast<Kept*>(storage_.data()));
    Kept taken(std::move(*kept));
    std::destroy_at(kept);
    verbs_ = nullptr;
    return taken;
  }

  const Verbs* verbs_ = nullptr;
  alignas(void*) std::array<std::byte, 2 * sizeof(void*)> storage_{};
};

}  // namespace lb::net
