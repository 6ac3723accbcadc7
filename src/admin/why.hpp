// Why a request was answered as it was.
#pragma once

#include "admin/control.hpp"
#include "admin/message.hpp"

namespace lb::admin {

// GET /why/ID: what is remembered of the newest request with that id (in the path with %XX where it has to be), as
// request_json() has it, with "others": the backends that it did not come to, as they are now and, where that tells,
// why they would have got nothing anyway; and "explanation": the same in one sentence. 404 if no worker remembers one.
[[nodiscard]] net::Awaitable<Answer> why(Control& control, const Request& request);

// "a%2Fb" is "a/b". What is no %XX stays as it is: an id may well hold a percent sign.
[[nodiscard]] std::string percent_decoded(std::string_view text);

}  // namespace lb::admin
