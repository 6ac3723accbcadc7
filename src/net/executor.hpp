// The one executor type and completion token of the program.
#pragma once

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/io_context.hpp>

#include "net/awaitable.hpp"

namespace lb::net {

// The concrete type, not any_io_executor: no type erasure on each operation.
using Executor = asio::io_context::executor_type;

// co_await op(use_result) yields a tuple that begins with the error code: nothing throws on the normal path, and no
// coroutine frame is made for the operation.
inline constexpr auto use_result = asio::as_tuple(asio::deferred);

}  // namespace lb::net
