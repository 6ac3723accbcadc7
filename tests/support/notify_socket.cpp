#include "support/notify_socket.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <gtest/gtest.h>

namespace lb::support {

NotifySocket::NotifySocket(Name name) : socket_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
  static int count = 0;
  const std::string text = "/tmp/lb-notify-" + std::to_string(::getpid()) + "-" + std::to_string(++count);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::ranges::copy(text, std::begin(address.sun_path));
  if (name == Name::abstract) {
    address.sun_path[0] = '\0';
  } else {
    path_ = text;
  }
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + text.size());
  // NOLINTNEXTLINE: the sockets interface asks for this cast
  EXPECT_EQ(::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), size), 0) << text;
  ::setenv("NOTIFY_SOCKET", (name == Name::abstract ? "@" + text.substr(1) : text).c_str(), 1);
}

NotifySocket::~NotifySocket() {
  ::unsetenv("NOTIFY_SOCKET");
  if (!path_.empty()) ::unlink(path_.c_str());
}

std::optional<std::string> NotifySocket::receive(Deadline deadline) {
  pollfd wait{socket_.get(), POLLIN, 0};
  if (::poll(&wait, 1, milliseconds_left(deadline)) <= 0) return std::nullopt;
  std::array<char, 4096> bytes{};
  const ssize_t got = ::recv(socket_.get(), bytes.data(), bytes.size(), 0);
  return std::string(bytes.data(), static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
}

}  // namespace lb::support
