#include "upstream/http_check.hpp"

#include <algorithm>
#include <utility>

#include "base/limits.hpp"
#include "http1/client_connection.hpp"

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

// Reads the answer's body as far as the check looks at it. Why it failed, or nothing.
net::Awaitable<std::string> find_in_body(http1::ClientConnection& connection, http1::Settings& settings,
                                         const HttpCheck& check, base::Deadline deadline) {
  std::string body;
  auto run = connection.take_buffered_body();
  for (;;) {
    if (!run) co_return std::string(run.error().detail);
    for (const auto& piece : run->pieces) body.append(static_cast<const char*>(piece.data()), piece.size());
    if (body.size() > base::kCheckBodyBytesMax) body.resize(base::kCheckBodyBytesMax);
    if (body.find(check.body) != std::string::npos) co_return std::string();
    if (run->end || body.size() >= base::kCheckBodyBytesMax) co_return "the expected text is not in the body";
    const auto left = std::chrono::duration_cast<base::Duration>(deadline - connection.stream().wheel().now());
    if (left <= base::Duration(0)) co_return "the answer took too long";
    settings.timeouts.response_idle = left;
    run = co_await connection.read_body();
  }
}

}  // namespace

net::Awaitable<std::string> check_http(net::StreamPtr stream, net::BlockPool& blocks, http1::Settings& settings,
                                       const HttpCheck& check, const Endpoint& endpoint, base::Deadline deadline) {
  http1::ResponseStates states(blocks, settings, 1);
  http1::ClientConnection connection(std::move(stream), states);
  const std::string request = http_check_request(check, endpoint);
  connection.begin(http::method_id(check.method));
  net::BufferList buffers;
  buffers.emplace_back(request.data(), request.size());
  if (const auto written = co_await connection.write(buffers); !written) co_return std::string(written.error().detail);
  for (std::size_t interim_bytes = 0;;) {
    const auto read = co_await connection.read_response(deadline);
    if (!read) co_return std::string(read.error().detail);
    if (connection.response().status >= 200) break;
    interim_bytes += connection.head_bytes();
    if (interim_bytes > base::kInterimBytesMax) co_return "too many interim answers";
    connection.consume_head();
  }
  const unsigned status = connection.response().status;
  connection.consume_head();
  if (!expects_status(check, status)) co_return "status " + std::to_string(status);
  if (check.body.empty()) co_return std::string();
  co_return co_await find_in_body(connection, settings, check, deadline);
}

}  // namespace lb::upstream
