#include "upstream/probation.hpp"

#include <utility>

namespace lb::upstream {

void Probation::put(std::shared_ptr<const void> keeper, const Endpoint& endpoint,
                    std::unique_ptr<Connection> connection, std::uint32_t address, const PoolSettings& settings) {
  Conduct& conduct = conduct_of(endpoint);
  const bool trusted = !conduct.spoke && conduct.silent >= base::kProbationsPassed;
  if (trusted && ++conduct.trusted % base::kProbationSample != 0)
    return pool_.put(endpoint, std::move(connection), address, settings);
  if (closed_ || waiting_.size() >= base::kProbationsMax) return;  // closes it
  connection->rest();
  connection->stream().read_ahead();
  waiting_.push_back(
      {std::move(keeper), &endpoint, std::move(connection), address, settings, wheel_.after(base::kProbationTime)});
  if (waiting_.size() == 1) due_.arm(waiting_.front().until);
}

Probation::Conduct& Probation::conduct_of(const Endpoint& endpoint) {
  if (endpoint.slot() >= conducts_.size()) conducts_.resize(endpoint.slot() + 1);
  Conduct& conduct = conducts_[endpoint.slot()];
  if (conduct.endpoint != endpoint.url()) conduct = {.endpoint = endpoint.url()};
  return conduct;
}

void Probation::end_due() noexcept {
  while (!waiting_.empty() && waiting_.front().until <= wheel_.now()) {
    Waiting one = std::move(waiting_.front());
    waiting_.pop_front();
    Conduct& conduct = conduct_of(*one.endpoint);
    const net::Probe found = one.connection->stream().probe();
    if (found == net::Probe::readable) conduct.spoke = true;
    if (found != net::Probe::quiet) continue;
    ++conduct.silent;
    pool_.put(*one.endpoint, std::move(one.connection), one.address, one.settings);
  }
  if (!waiting_.empty()) due_.arm(waiting_.front().until);
}

}  // namespace lb::upstream
