// Every path of the admin interface, in one table: another one is one more row.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "admin/control.hpp"
#include "admin/message.hpp"
#include "admin/response_stream.hpp"

namespace lb::admin {

// Who is answered where a token is configured.
enum class Guard : std::uint8_t {
  token,  // who shows it
  none,   // everybody: what is there says nothing
};

// An answer at once; `request` and `control` live until the coroutine has ended. It must not throw.
using Answering = net::Awaitable<Answer> (*)(Control& control, const Request& request);
// An answer that goes on: the head is written already.
using Streaming = net::Awaitable<void> (*)(Control& control, const Request& request, ResponseStream& outlet);

struct Route {
  http::Method method = http::Method::get;  // GET answers HEAD, too
  std::string_view path;                    // "/why/*": with one more segment, in Request::rest
  Guard guard = Guard::token;
  Answering answer = nullptr;
  Streaming stream = nullptr;         // where there is no `answer`
  std::string_view stream_type = {};  // its Content-Type
};

[[nodiscard]] std::span<const Route> routes() noexcept;

struct Match {
  const Route* route = nullptr;  // null: none
  std::string allow;             // the methods of that path, if it has others: "GET, HEAD"
};

// The route for a request; fills in its `rest`.
[[nodiscard]] Match find_route(Request& request);

}  // namespace lb::admin
