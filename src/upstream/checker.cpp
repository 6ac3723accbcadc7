#include "upstream/checker.hpp"

#include "upstream/http_check.hpp"

namespace lb::upstream {

net::Awaitable<CheckResult> NetworkChecker::check(std::shared_ptr<Endpoint> endpoint, base::Deadline deadline) {
  using Verdict = CheckResult::Verdict;
  const std::shared_ptr<const HttpCheck> http = http_;
  net::Addresses addresses = co_await book_.look_up(endpoint, deadline);
  net::TcpConnector connector(executor_, wheel_);
  auto stream = co_await net::connect_in_turn(connector, std::move(addresses), deadline);
  if (!stream) {
    const bool ours = stream.error().kind == base::ErrorKind::no_resources;
    co_return CheckResult{ours ? Verdict::unknown : Verdict::failed, std::string(stream.error().detail)};
  }
  if (http == nullptr) co_return CheckResult{Verdict::passed, {}};
  http1::Settings settings;
  const auto left = std::chrono::duration_cast<base::Duration>(deadline - wheel_.now());
  settings.timeouts.write_idle = settings.timeouts.response_idle = std::max(left, base::kWheelTick);
  settings.header_bytes = base::kCheckHeaderBytesMax;
  settings.header_count = base::kCheckHeaderCountMax;
  std::string reason = co_await check_http(std::move(*stream), blocks_, settings, *http, *endpoint, deadline);
  co_return CheckResult{reason.empty() ? Verdict::passed : Verdict::failed, std::move(reason)};
}

}  // namespace lb::upstream
