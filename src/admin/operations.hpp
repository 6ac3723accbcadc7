// The POST routes: what the operator may do.
#pragma once

#include "admin/control.hpp"
#include "admin/message.hpp"

namespace lb::admin {

// Bodies are JSON objects; a member that is not known is an error, for it may be a misspelled one. Each answers with
// the status of the backend concerned, or of all of them.
net::Awaitable<Answer> add_backend(Control& control, const Request& request);
net::Awaitable<Answer> remove_backend(Control& control, const Request& request);
net::Awaitable<Answer> drain_backend(Control& control, const Request& request);
net::Awaitable<Answer> disable_backend(Control& control, const Request& request);
net::Awaitable<Answer> enable_backend(Control& control, const Request& request);
net::Awaitable<Answer> weigh_backend(Control& control, const Request& request);
net::Awaitable<Answer> check_backends(Control& control, const Request& request);
net::Awaitable<Answer> reload(Control& control, const Request& request);

}  // namespace lb::admin
