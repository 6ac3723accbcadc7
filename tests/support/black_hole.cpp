#include "support/black_hole.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <gtest/gtest.h>

namespace lb::support {
namespace {

sockaddr_in local_address(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  return address;
}

}  // namespace

BlackHole::BlackHole() : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  port_ = bind_to_loopback(listener_);
  EXPECT_EQ(::listen(listener_.get(), 0), 0);
}

// The kernel queues one connection more than listen() allows and drops the requests of all others; nothing is ever
// accepted, so what a health check left there fills the queue, too.
void BlackHole::swallow() {
  const sockaddr_in address = local_address(port_);
  for (Descriptor& filler : fillers_) {
    filler = Descriptor(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    // NOLINTNEXTLINE: as above
    ::connect(filler.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
  }
}

}  // namespace lb::support
