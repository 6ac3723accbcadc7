#include "upstream/http_check.hpp"

#include <algorithm>
#include <utility>

#include "base/limits.hpp"
#include "http1/ask.hpp"

namespace lb::upstream {
namespace {

std::string http_check_request(const HttpCheck& check, const Endpoint& endpoint) {
  std::string text = check.method + " " + check.path + " HTTP/1.1\r\n";
  text += check.host.empty() ? endpoint.host_line() : "Host: " + check.host + "\r\n";
  return text + "User-Agent: load-balancer (health check)\r\nConnection: close\r\n\r\n";
}

bool expects_status(const HttpCheck& check, unsigned status) noexcept {
  return std::ranges::any_of(check.statuses,
                             [&](const StatusRange& range) { return range.first <= status && status <= range.last; });
}

}  // namespace

net::Awaitable<std::string> check_http(net::StreamPtr stream, net::BlockPool& blocks, const HttpCheck& check,
                                       const Endpoint& endpoint, base::Deadline deadline) {
  const http1::Question question{.method = http::method_id(check.method),
                                 .head = http_check_request(check, endpoint),
                                 .body_bytes_max = base::kCheckBodyBytesMax};
  const auto is_found = [&](const http1::Answered& answered) {
    return answered.body.find(check.body) != std::string::npos;
  };
  const auto goes_on = [&](const http1::Answered& answered) {
    return expects_status(check, answered.status) && !is_found(answered);
  };
  const http1::Answered answered = co_await http1::ask(std::move(stream), blocks, question, deadline, goes_on);
  if (answered.status >= 200 && !expects_status(check, answered.status)) {
    co_return "status " + std::to_string(answered.status);
  }
  if (!answered.problem.empty()) co_return answered.problem;
  co_return is_found(answered) ? "" : "the expected text is not in the body";
}

}  // namespace lb::upstream
