#include "sim/transport.hpp"

#include <algorithm>

namespace lb::sim {
namespace {

// Counts what hangs while it does.
class Hanging {
 public:
  explicit Hanging(Backend& backend) noexcept : backend_(backend) { ++backend_.hanging; }
  ~Hanging() { --backend_.hanging; }
  Hanging(const Hanging&) = delete;
  Hanging& operator=(const Hanging&) = delete;

 private:
  Backend& backend_;
};

}  // namespace

Backend& backend_of(const Backends& backends, const upstream::Endpoint& endpoint) {
  const auto found =
      std::ranges::find_if(backends, [&](const auto& backend) { return backend->host() == endpoint.host(); });
  LB_CHECK(found != backends.end());
  return **found;
}

net::Awaitable<base::Result<net::StreamPtr>> Transport::connect(const upstream::Endpoint& endpoint,
                                                                upstream::AddressChoice& /*choice*/,
                                                                base::Deadline deadline, std::string_view /*preface*/) {
  Backend& backend = backend_of(backends_, endpoint);
  if (starved_) {
    stage_.starved = stage_.step;
    stage_.journal.note(backend.host(), ": no descriptor is left for a connection");
    co_await net::asio::post(stage_.world.io.get_executor(), net::asio::deferred);
    co_return base::Error{base::ErrorKind::no_resources, base::Side::internal, "out of descriptors"};
  }
  const Backend::Reach reach = stage_.silent ? Backend::Reach::hang : backend.reach;
  if (reach == Backend::Reach::hang) {
    const Hanging hanging(backend);
    stage_.journal.note(backend.host(), " lets a connect hang");
    net::Pause pause(stage_.world.io.get_executor(), stage_.world.wheel);
    co_await pause.until(deadline);
    co_return base::Error{base::ErrorKind::connect_timeout, base::Side::upstream, "connect timed out"};
  }
  if (reach == Backend::Reach::refuse) {
    const Hanging hanging(backend);
    stage_.journal.note(backend.host(), " refuses a connection");
    co_await net::asio::post(stage_.world.io.get_executor(), net::asio::deferred);
    co_return base::Error{base::ErrorKind::connect_refused, base::Side::upstream, "connection refused"};
  }
  co_await net::asio::post(stage_.world.io.get_executor(), net::asio::deferred);
  backend.connections.push_back(std::make_unique<Connection>(stage_, backend, backend.connections.size() + 1));
  co_return net::StreamPtr(backend.connections.back()->open());
}

net::Awaitable<upstream::CheckResult> Checker::check(std::shared_ptr<upstream::Endpoint> endpoint,
                                                     const upstream::HttpCheck* /*http*/, base::Deadline deadline) {
  using Verdict = upstream::CheckResult::Verdict;
  Backend& backend = backend_of(backends_, *endpoint);
  const Backend::Reach reach = stage_.silent ? Backend::Reach::hang : backend.reach;
  co_await net::asio::post(stage_.world.io.get_executor(), net::asio::deferred);
  if (transport_.starved()) co_return upstream::CheckResult{Verdict::unknown, "out of descriptors"};
  if (reach == Backend::Reach::accept) co_return upstream::CheckResult{Verdict::passed, {}};
  const Hanging hanging(backend);
  if (reach == Backend::Reach::hang) {
    net::Pause pause(stage_.world.io.get_executor(), stage_.world.wheel);
    co_await pause.until(deadline);
  }
  co_return upstream::CheckResult{Verdict::failed, "no connection"};
}

}  // namespace lb::sim
