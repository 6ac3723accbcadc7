// An operation of the ring that one coroutine waits for.
#pragma once

#include "net/ring.hpp"
#include "net/waiter.hpp"

namespace lb::net {

// Begin it by one of the ring's functions, then co_await operation.waiter.suspend(); `outcome` then holds what became
// of it. It stays at its address while it pends.
struct AwaitedOperation final : Ring::Operation {
  AwaitedOperation() noexcept
      : Operation([](Operation& self, const Ring::Outcome& result) noexcept {
          auto& awaited = static_cast<AwaitedOperation&>(self);
          awaited.outcome = result;
          awaited.waiter.resume();
        }) {}

  Waiter waiter;
  Ring::Outcome outcome;
};

}  // namespace lb::net
