// The dashboard: one page without outside assets, made from src/admin/dashboard/ by cmake/embed_dashboard.cmake.
#pragma once

#include <string_view>

#include "admin/control.hpp"
#include "admin/message.hpp"

namespace lb::admin {

extern const std::string_view kDashboardPage;    // text/html in UTF-8
extern const std::string_view kDashboardPolicy;  // its Content-Security-Policy: that style and that script, no more

// GET /: it shows nothing by itself, and asks for the token where one is needed.
[[nodiscard]] net::Awaitable<Answer> answer_dashboard(Control& control, const Request& request);

}  // namespace lb::admin
