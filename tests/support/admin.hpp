// Asks the admin interface of a running balancer.
#pragma once

#include <string>
#include <string_view>

#include <boost/json/value.hpp>

#include "support/balancer.hpp"

namespace lb::support {

// One request on a connection of its own. `fields`: whole lines, each with its CRLF.
[[nodiscard]] Message admin_get(const Balancer& balancer, std::string_view path, std::string_view fields = "");
Message admin_post(const Balancer& balancer, std::string_view path, std::string_view body,
                   std::string_view fields = "");

// A body that has to be JSON; null otherwise, with a failure of the test.
[[nodiscard]] boost::json::value json_of(const Message& answer);

// GET /status.
[[nodiscard]] boost::json::value status_of(const Balancer& balancer);
// Of one backend in it; null, with a failure of the test, if it is not there.
[[nodiscard]] boost::json::value backend_of(const Balancer& balancer, std::string_view url);
// A member by its path, "/requests/total", as text: numbers and words without quotes.
[[nodiscard]] std::string text_at(const boost::json::value& value, std::string_view pointer);

// {"url": url}, with further members.
[[nodiscard]] std::string by_url(std::string_view url, std::string_view more = "");

}  // namespace lb::support
