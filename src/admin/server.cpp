#include "admin/server.hpp"

#include <algorithm>
#include <utility>

#include "admin/session.hpp"
#include "base/limits.hpp"
#include "base/log.hpp"

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
  listener_ = std::make_unique<net::Listener<net::TcpAcceptor>>(
      worker_, sockets->release(0), [this] { return connections_ < 2 * base::kAdminConnectionsMax; },
      [this](std::unique_ptr<net::TcpStream> stream, const net::Tcp::endpoint&) {
        worker_.tasks().spawn(serve(std::move(stream)));
      });
  listener_->start();
  const std::string host = local.address().to_string();
  base::log(base::LogLevel::info, "admin interface on http://" + (local.address().is_v6() ? "[" + host + "]" : host) +
                                      ":" + std::to_string(local.port()));
  return {};
}

net::Awaitable<void> Server::serve(std::unique_ptr<net::TcpStream> stream) {
  const bool admitted = connections_ < base::kAdminConnectionsMax || give_up_one_that_waits();
  ++connections_;
  {
    Session session(worker_, control_, states_, token_, std::move(stream));
    if (admitted) {
      const auto place = admitted_.insert(admitted_.end(), &session);
      co_await session.run();
      admitted_.erase(place);
    } else {
      co_await session.turn_away();
    }
  }
  --connections_;
}

bool Server::give_up_one_that_waits() noexcept {
  const auto waits = std::ranges::find_if(admitted_, [](const Session* session) { return session->gives_way(); });
  if (waits == admitted_.end()) return false;
  (*waits)->abort();
  return true;
}

void Server::stop_listening() {
  if (!listening()) return;
  stopped_ = true;
  listener_->stop();
}

void Server::stop() {
  stop_listening();
  worker_.sessions().abort();
}

}  // namespace lb::admin
