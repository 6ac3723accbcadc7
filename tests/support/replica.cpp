#include "support/replica.hpp"

#include <arpa/inet.h>
#include <array>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <gtest/gtest.h>

namespace lb::support {

Replica::Replica(int last, std::uint16_t port, char letter)
    : last_(last),
      letter_(letter),
      listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)),
      wake_(::eventfd(0, EFD_CLOEXEC)) {
  const int on = 1;
  ::setsockopt(listener_.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in where{};
  where.sin_family = AF_INET;
  where.sin_port = htons(port);
  EXPECT_EQ(::inet_pton(AF_INET, address().c_str(), &where.sin_addr), 1);
  socklen_t size = sizeof where;
  auto* const generic = reinterpret_cast<sockaddr*>(&where);  // NOLINT: the sockets interface asks for this cast
  if (::bind(listener_.get(), generic, size) != 0 || ::listen(listener_.get(), 64) != 0) return;
  EXPECT_EQ(::getsockname(listener_.get(), generic, &size), 0);
  port_ = ntohs(where.sin_port);
  thread_ = std::thread([this] { serve(); });
}

Replica::~Replica() {
  if (!thread_.joinable()) return;
  const std::uint64_t one = 1;
  EXPECT_EQ(::write(wake_.get(), &one, sizeof one), static_cast<ssize_t>(sizeof one));
  thread_.join();
}

void Replica::serve() {
  std::vector<Peer> peers;
  for (;;) {
    std::vector<pollfd> waits{{wake_.get(), POLLIN, 0}, {listener_.get(), POLLIN, 0}};
    for (const Peer& peer : peers) waits.push_back({peer.socket.get(), POLLIN, 0});
    ::poll(waits.data(), waits.size(), -1);
    if (waits[0].revents != 0) return;
    std::vector<Peer> left;
    for (std::size_t i = 0; i < peers.size(); ++i) {
      if (waits[i + 2].revents == 0 || serve_one(peers[i])) left.push_back(std::move(peers[i]));
    }
    peers = std::move(left);
    if (waits[1].revents != 0) {
      Descriptor socket(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
      if (socket.get() >= 0) peers.push_back({std::move(socket), {}});
    }
    open_ = peers.size();
  }
}

// False: the connection is at its end.
bool Replica::serve_one(Peer& peer) {
  std::array<char, 4096> bytes{};
  const ssize_t count = ::recv(peer.socket.get(), bytes.data(), bytes.size(), 0);
  if (count <= 0) return false;
  peer.read.append(bytes.data(), static_cast<std::size_t>(count));
  for (std::size_t end = 0; (end = peer.read.find("\r\n\r\n")) != std::string::npos;) {
    peer.read.erase(0, end + 4);
    ++requests_;
    if (hanging_) continue;
    const std::string answer = std::string("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n") + letter_;
    if (::send(peer.socket.get(), answer.data(), answer.size(), MSG_NOSIGNAL) < 0) return false;
  }
  return true;
}

// A port that is free on one address may be taken on the next.
std::vector<std::unique_ptr<Replica>> make_replicas(int count) {
  std::vector<std::unique_ptr<Replica>> replicas;
  for (int tries = 0; tries < 20; ++tries) {
    replicas.clear();
    for (int i = 1; i <= count; ++i) {
      const std::uint16_t port = replicas.empty() ? std::uint16_t{0} : replicas.front()->port();
      replicas.push_back(std::make_unique<Replica>(i, port, static_cast<char>('a' + i - 1)));
      if (!replicas.back()->listening()) break;
    }
    if (replicas.back()->listening()) return replicas;
  }
  ADD_FAILURE() << "no port is free on " << count << " addresses";
  return replicas;
}

}  // namespace lb::support
