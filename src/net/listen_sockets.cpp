#include "net/listen_sockets.hpp"

#include <cerrno>
#include <cstring>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/ip/address.hpp>

#include "base/check.hpp"
#include "net/address_text.hpp"

namespace lb::net {
namespace {

bool set_flag(int descriptor, int level, int name, int value) noexcept {
  return ::setsockopt(descriptor, level, name, &value, sizeof value) == 0;
}

// One socket that listens, or -1 with errno set.
int listen_on(const Tcp::endpoint& endpoint, bool exclusive) noexcept {
  const int descriptor = ::socket(endpoint.protocol().family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (descriptor < 0) return -1;
  const auto refuse = [descriptor] {
    const int cause = errno;
    ::close(descriptor);
    errno = cause;
    return -1;
  };
  // Connections of a predecessor that still linger in TIME_WAIT do not keep the port.
  set_flag(descriptor, SOL_SOCKET, SO_REUSEADDR, 1);
  if (endpoint.address().is_v6())
    set_flag(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, endpoint.address().is_unspecified() ? 0 : 1);
  // Bound exclusively first and shared from then on: the kernel looks at the flag of both sockets at each bind().
  if (!exclusive && !set_flag(descriptor, SOL_SOCKET, SO_REUSEPORT, 1)) return refuse();
  if (::bind(descriptor, endpoint.data(), static_cast<socklen_t>(endpoint.size())) != 0) return refuse();
  if (exclusive && !set_flag(descriptor, SOL_SOCKET, SO_REUSEPORT, 1)) return refuse();
  // Accepted sockets inherit it: Nagle's algorithm is off without a call for each.
  set_flag(descriptor, IPPROTO_TCP, TCP_NODELAY, 1);
  if (::listen(descriptor, SOMAXCONN) != 0) return refuse();
  return descriptor;
}

std::string explain(const Tcp::endpoint& endpoint, int cause) {
  const std::string where = to_text(endpoint);
  switch (cause) {
    case EADDRINUSE:
      return "cannot listen on " + where + ": another program uses this port; stop it or choose another port";
    case EACCES:
      return "cannot listen on " + where + ": not permitted; ports below 1024 need the capability net_bind_service";
    case EADDRNOTAVAIL:
      return "cannot listen on " + where + ": this machine has no such address";
    default:
      return "cannot listen on " + where + ": " + std::strerror(cause);
  }
}

}  // namespace

Tcp::endpoint local_endpoint(int descriptor) noexcept {
  Tcp::endpoint endpoint(Tcp::v6(), 0);
  auto size = static_cast<socklen_t>(endpoint.capacity());
  if (::getsockname(descriptor, endpoint.data(), &size) == 0) endpoint.resize(size);
  return endpoint;
}

ListenSockets::~ListenSockets() {
  for (const int descriptor : descriptors_) {
    if (descriptor >= 0) ::close(descriptor);
  }
}

boost::system::result<ListenSockets, std::string> ListenSockets::open(const std::string& address, std::uint16_t port,
                                                                      std::size_t count) {
  boost::system::error_code code;
  const auto parsed = asio::ip::make_address(address, code);
  if (code) return "\"" + address + "\" is not an IP address to listen on";
  Tcp::endpoint endpoint(parsed, port);
  ListenSockets sockets;
  int first = listen_on(endpoint, true);
  if (first < 0 && (errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL) && parsed.is_v6() && parsed.is_unspecified()) {
    endpoint = Tcp::endpoint(asio::ip::address_v4::any(), port);
    first = listen_on(endpoint, true);
  }
  if (first < 0) return explain(endpoint, errno);
  sockets.descriptors_.push_back(first);
  endpoint.port(local_endpoint(first).port());
  while (sockets.descriptors_.size() < count) {
    const int next = listen_on(endpoint, false);
    if (next < 0) return explain(endpoint, errno);
    sockets.descriptors_.push_back(next);
  }
  return sockets;
}

boost::system::result<ListenSockets, std::string> ListenSockets::adopt(const std::vector<int>& descriptors,
                                                                       std::size_t count) {
  LB_CHECK(!descriptors.empty());
  ListenSockets sockets;
  sockets.descriptors_ = descriptors;
  for (const int descriptor : descriptors) set_flag(descriptor, IPPROTO_TCP, TCP_NODELAY, 1);
  const Tcp::endpoint endpoint = sockets.local();
  while (sockets.descriptors_.size() < count) {
    const int next = listen_on(endpoint, false);
    if (next < 0) return explain(endpoint, errno);
    sockets.descriptors_.push_back(next);
  }
  return sockets;
}

Tcp::endpoint ListenSockets::local() const {
  LB_CHECK(!descriptors_.empty() && descriptors_.front() >= 0);
  return local_endpoint(descriptors_.front());
}

}  // namespace lb::net
