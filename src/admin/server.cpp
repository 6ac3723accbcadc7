#include "admin/server.hpp"

#include <algorithm>
#include <utility>

#include "admin/limits.hpp"
#include "base/log.hpp"
#include "net/address_text.hpp"

namespace lb::admin {

Server::Server(net::Worker& worker, Control& control)
    : worker_(worker), control_(control), states_(worker.blocks(), settings_) {
  settings_.timeouts.header = settings_.timeouts.body_idle = settings_.timeouts.write_idle = base::kAdminPatience;
  settings_.timeouts.keep_alive_idle = base::kAdminIdle;
  settings_.header_bytes = base::kAdminHeaderBytesMax;
  settings_.header_count = base::kAdminHeaderCountMax;
  settings_.body_bytes = base::kAdminBodyBytesMax;
}

std::string Server::listen(const std::string& address, std::uint16_t port) {
  auto sockets = net::ListenSockets::open(address, port, 1);
  if (!sockets) return "the admin interface " + sockets.error();
  const net::Tcp::endpoint local = sockets->local();
  port_ = local.port();
  listener_ = std::make_unique<net::Listener>(
      worker_, std::make_unique<net::TcpAcceptor>(worker_, sockets->release(0)),
      [this] { return connections_ < 2 * base::kAdminConnectionsMax; },
      [this](net::StreamPtr stream, const net::Tcp::endpoint&) { worker_.tasks().spawn(serve(std::move(stream))); });
  listener_->start();
  base::log(base::LogLevel::info, "admin interface on http://" + net::to_text(local));
  return {};
}

void Server::set_token(std::string token) {
  if (token == token_) return;
  token_ = std::move(token);
  for (Session* const session : admitted_) session->end_stream();
}

net::Awaitable<void> Server::serve(net::StreamPtr stream) {
  const bool admitted = admitted_.size() < base::kAdminConnectionsMax || give_up_one_that_waits();
  ++connections_;
  {
    Session session({worker_, control_, states_, token_, places_}, std::move(stream));
    if (admitted) {
      admitted_.push_back(&session);
      co_await session.run();
      admitted_.remove(&session);
    } else {
      co_await session.serve_probe();
    }
  }
  --connections_;
}

bool Server::give_up_one_that_waits() noexcept {
  const auto first = std::ranges::min_element(admitted_, {}, [](const Session* session) { return session->rank(); });
  if (first == admitted_.end() || !(*first)->gives_way()) return false;
  Session* const session = *first;
  admitted_.erase(first);
  session->abort();
  return true;
}

// NOLINTNEXTLINE: by value, for the coroutine outlives its caller's arguments
net::Awaitable<std::string> Server::listen_when_free(std::string address, std::uint16_t port, base::Duration patience,
                                                     std::function<bool()> wanted) {
  constexpr base::Duration kBetweenTries{100};
  const base::Deadline deadline = worker_.wheel().after(patience);
  net::Pause pause(worker_.executor(), worker_.wheel());
  std::string problem;
  while (!stopped_ && wanted()) {
    problem = listen(address, port);
    if (problem.empty() || worker_.wheel().now() >= deadline) break;
    co_await pause.until(worker_.wheel().after(kBetweenTries));
  }
  co_return problem;
}

void Server::stop_listening() {
  if (listener_ && !stopped_) listener_->stop();
  stopped_ = true;
}

void Server::stop() {
  stop_listening();
  worker_.sessions().abort();
}

net::Awaitable<void> Server::close() {
  constexpr base::Duration kUnwindingTime{500};
  stop();
  const base::Deadline deadline = worker_.wheel().after(kUnwindingTime);
  net::Pause pause(worker_.executor(), worker_.wheel());
  while (connections_ > 0 && worker_.wheel().now() < deadline) {
    co_await pause.until(worker_.wheel().after(base::kWheelTick));
  }
}

}  // namespace lb::admin
