#include "support/balancer.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <cstdlib>
#include <memory>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <utility>

#include <gtest/gtest.h>

namespace lb::support {
namespace {

Descriptor connect_to(const sockaddr* address, socklen_t size) {
  Descriptor socket(::socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (::connect(socket.get(), address, size) != 0) return Descriptor();
  const int on = 1;
  ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return socket;
}

}  // namespace

Balancer::Balancer(const Arrangement& arrangement) {
  std::string toml = arrangement.toml;
  for (std::size_t i = 0; i < arrangement.backends.size(); ++i) {
    toml += "\n[[backends]]\nurl = \"" + arrangement.backends[i]->url() + "\"\n";
    if (i < arrangement.weights.size()) toml += "weight = " + std::to_string(arrangement.weights[i]) + "\n";
  }
  std::vector<std::string> flags{"-config",    directory_.write("load-balancer.toml", toml),
                                 "-threads",   std::to_string(arrangement.threads),
                                 "-log-level", arrangement.log_level};
  flags.insert(flags.end(), arrangement.flags.begin(), arrangement.flags.end());
  start(std::move(flags), arrangement.admin ? Admin::on : Admin::off);
}

Balancer::Balancer(const std::vector<std::string>& flags, Admin admin, int out) {
  start(flags, admin, out);
}

// Others may take the port between our finding it and the balancer's: then there is another one.
void Balancer::start_process(std::vector<std::string> flags, Admin admin, int out) {
  flags.insert(flags.end(), {"-port", "0"});
  if (admin == Admin::off) {
    process_ = std::make_unique<Process>(flags, out);
    return;
  }
  constexpr int kTries = 10;
  for (int i = 0; i < kTries; ++i) {
    admin_port_ = free_port();
    std::vector<std::string> with_admin = flags;
    with_admin.insert(with_admin.end(), {"-admin-port", std::to_string(admin_port_)});
    process_ = std::make_unique<Process>(with_admin, out);
    const Deadline deadline = within();
    while (!process_->wait_for_log("admin interface", 0, now() + Duration(50)) && now() < deadline) {
      if (process_->wait_exit(now())) break;
    }
    if (log().find("the admin interface cannot listen") == std::string::npos) return;
  }
}

void Balancer::start(std::vector<std::string> flags, Admin admin, int out) {
  start_process(std::move(flags), admin, out);
  const std::string mark = "listening on ";
  const auto line = process_->wait_for_log(mark);
  ASSERT_TRUE(line) << "the balancer does not listen; its log:\n" << log();
  const std::string where = line->substr(line->find(mark) + mark.size());
  const std::string address = where.substr(0, where.find(','));
  port_ = static_cast<std::uint16_t>(std::atoi(address.c_str() + address.rfind(':') + 1));
  ASSERT_NE(port_, 0) << *line;
}

Client::Client(std::uint16_t port) : Wire(connect_local(port)) {}

Message Client::ask(std::string_view request, Kind kind) {
  send(request);
  return read_message(kind);
}

Descriptor connect_local(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  // NOLINTNEXTLINE: the sockets interface asks for this cast
  return connect_to(reinterpret_cast<const sockaddr*>(&address), sizeof address);
}

Descriptor connect_local_v6(std::uint16_t port) {
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_addr = in6addr_loopback;
  address.sin6_port = htons(port);
  // NOLINTNEXTLINE: as above
  return connect_to(reinterpret_cast<const sockaddr*>(&address), sizeof address);
}

std::uint16_t free_port() {
  const Descriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  return bind_to_loopback(socket);
}

Message ask_once(const Balancer& balancer, std::string_view request, Kind kind) {
  Client client(balancer);
  return client.ask(request, kind);
}

std::string get(std::string_view target, std::string_view fields) {
  return "GET " + std::string(target) + " HTTP/1.1\r\nHost: test\r\n" + std::string(fields) + "\r\n";
}

std::string request(std::string_view method, std::string_view body, std::string_view fields) {
  return std::string(method) + " / HTTP/1.1\r\nHost: test\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" +
         std::string(fields) + "\r\n" + std::string(body);
}

}  // namespace lb::support
