// The coroutine type of the program.
//
// One thread runs a coroutine and all that it awaits, so that this is simpler than Asio's own awaitable: no executor,
// no cancellation, no exceptions, and a call costs tens of instructions rather than hundreds. docs/adr/0004 has the
// figures. A coroutine begins when it is awaited and runs on its caller's stack until it waits for the first time;
// most calls on the path of a request never do.
#pragma once

#include <coroutine>
#include <cstddef>
#include <optional>
#include <tuple>
#include <utility>

#include <boost/asio/async_result.hpp>
#include <boost/asio/dispatch.hpp>

#include "base/check.hpp"
#include "net/frame_pool.hpp"

namespace lb::net {

namespace asio = boost::asio;

namespace detail {

// Awaits an operation of Asio that was started with the token use_result or asio::deferred.
template <class Operation, class Signature>
class OperationAwaiter;

template <class Operation, class... Results>
class OperationAwaiter<Operation, void(Results...)> {
 public:
  explicit OperationAwaiter(Operation&& operation) noexcept : operation_(std::move(operation)) {}

  [[nodiscard]] bool await_ready() const noexcept { return false; }
  // Asio never completes an operation from inside the function that starts it.
  void await_suspend(std::coroutine_handle<> waiter) {
    waiter_ = waiter;
    std::move(operation_)(Handler{this});
  }
  auto await_resume() noexcept {
    if constexpr (sizeof...(Results) == 1) return std::get<0>(std::move(results_));
  }

 private:
  struct Handler {
    OperationAwaiter* self;
    void operator()(Results... results) const {
      self->results_ = std::tuple<Results...>(std::move(results)...);
      self->waiter_.resume();
    }
  };

  Operation operation_;
  std::tuple<Results...> results_;
  std::coroutine_handle<> waiter_;
};

class PromiseBase {
 public:
  static void* operator new(std::size_t size) { return FramePool::of_this_thread().take(size); }
  static void operator delete(void* frame, std::size_t size) noexcept {
    FramePool::of_this_thread().give_back(frame, size);
  }

  // At its end a coroutine goes on with whoever awaits it. Nobody does yet while it still runs on its caller's stack.
  struct Final {
    [[nodiscard]] bool await_ready() const noexcept { return false; }
    template <class Promise>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> ended) const noexcept {
      return ended.promise().waiter_ ? ended.promise().waiter_ : std::noop_coroutine();
    }
    void await_resume() const noexcept {}
  };

  [[nodiscard]] std::suspend_always initial_suspend() const noexcept { return {}; }
  [[nodiscard]] Final final_suspend() const noexcept { return {}; }
  // What happens in normal traffic is a value; what throws is our own mistake, or the end of memory.
  void unhandled_exception() const noexcept { base::check_failed("an exception left a coroutine", __FILE__, __LINE__); }

  template <class Operation>
    requires asio::is_async_operation<Operation>::value
  [[nodiscard]] auto await_transform(Operation operation) const noexcept {
    return OperationAwaiter<Operation, asio::completion_signature_of_t<Operation>>(std::move(operation));
  }
  template <class Awaiter>
    requires requires(Awaiter& awaiter) { awaiter.await_ready(); }
  [[nodiscard]] Awaiter&& await_transform(Awaiter&& awaiter) const noexcept {
    return std::forward<Awaiter>(awaiter);
  }

  void wake_at_end(std::coroutine_handle<> waiter) noexcept { waiter_ = waiter; }

 private:
  std::coroutine_handle<> waiter_;
};

}  // namespace detail

// A coroutine that co_returns a T. Await it once, at once or later; it does not begin before. To be destroyed before it
// has begun or after it has ended, never in between.
template <class T = void>
class [[nodiscard]] Awaitable {
 public:
  class promise_type;

  Awaitable(Awaitable&& other) noexcept : coroutine_(std::exchange(other.coroutine_, nullptr)) {}
  Awaitable& operator=(Awaitable&& other) noexcept {
    std::swap(coroutine_, other.coroutine_);
    return *this;
  }
  ~Awaitable() {
    if (coroutine_) coroutine_.destroy();
  }

  [[nodiscard]] bool await_ready() const {
    coroutine_.resume();
    return coroutine_.done();
  }
  void await_suspend(std::coroutine_handle<> waiter) const noexcept { coroutine_.promise().wake_at_end(waiter); }
  T await_resume() const noexcept { return coroutine_.promise().take_result(); }

 private:
  using Handle = std::coroutine_handle<promise_type>;
  explicit Awaitable(Handle coroutine) noexcept : coroutine_(coroutine) {}

  Handle coroutine_;
};

template <class T>
class Awaitable<T>::promise_type : public detail::PromiseBase {
 public:
  [[nodiscard]] Awaitable get_return_object() noexcept { return Awaitable(Handle::from_promise(*this)); }
  template <class Value = T>
  void return_value(Value&& value) {
    result_.emplace(std::forward<Value>(value));
  }
  [[nodiscard]] T take_result() noexcept { return std::move(*result_); }

 private:
  std::optional<T> result_;
};

template <>
class Awaitable<void>::promise_type : public detail::PromiseBase {
 public:
  [[nodiscard]] Awaitable get_return_object() noexcept { return Awaitable(Handle::from_promise(*this)); }
  void return_void() const noexcept {}
  void take_result() const noexcept {}
};

// Awaits `first` and gives what `function` makes of its result, without a coroutine of its own.
template <class T, class Function>
class [[nodiscard]] Then {
 public:
  Then(Awaitable<T> first, Function function) noexcept : first_(std::move(first)), function_(std::move(function)) {}

  [[nodiscard]] bool await_ready() const { return first_.await_ready(); }
  void await_suspend(std::coroutine_handle<> waiter) const noexcept { first_.await_suspend(waiter); }
  auto await_resume() { return function_(first_.await_resume()); }

 private:
  Awaitable<T> first_;
  Function function_;
};

namespace detail {

// A coroutine that nobody awaits: its frame goes away by itself.
struct Root {
  struct promise_type {
    static void* operator new(std::size_t size) { return PromiseBase::operator new(size); }
    static void operator delete(void* frame, std::size_t size) noexcept { PromiseBase::operator delete(frame, size); }
    [[nodiscard]] Root get_return_object() const noexcept { return {}; }
    [[nodiscard]] std::suspend_never initial_suspend() const noexcept { return {}; }
    [[nodiscard]] std::suspend_never final_suspend() const noexcept { return {}; }
    void unhandled_exception() const noexcept { base::check_failed("an exception left a task", __FILE__, __LINE__); }
    void return_void() const noexcept {}
  };
};

template <class Done>
Root run_root(Awaitable<void> task, Done done) {
  {
    Awaitable<void> body = std::move(task);  // all of it is gone before its end is told
    co_await body;
  }
  done();
}

}  // namespace detail

// Runs `task` on the executor, at once if this is called from within its run() or poll(), else when that comes to it,
// and calls done() when it has ended.
template <class Executor, class Done>
void spawn(const Executor& executor, Awaitable<void> task, Done done) {
  asio::dispatch(executor, [task = std::move(task), done = std::move(done)]() mutable {
    detail::run_root(std::move(task), std::move(done));
  });
}

}  // namespace lb::net
