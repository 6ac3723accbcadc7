#include "app/takeover.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <fcntl.h>
#include <span>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>
#include <utility>

#include <boost/asio/buffer.hpp>

#include "base/log.hpp"

namespace lb::app {
namespace {

constexpr std::size_t kDescriptorsPerMessage = 64;  // the kernel takes up to 253
constexpr std::size_t kDescriptorsMax = 4096;       // more than there can be workers
constexpr char kMore = 'M';                         // descriptors, and another message follows
constexpr char kLast = 'L';                         // descriptors, the last ones
constexpr char kServing = 'S';                      // the successor serves
// Each side waits this long for the other's next word. The successor may be looking names up before it serves.
constexpr base::Duration kPatience{10'000};

std::string meeting_point(const std::string& address, std::uint16_t port) {
  return std::string(1, '\0') + "load-balancer/" + address + "/" + std::to_string(port);
}

// The message with its room for descriptors; neither may be moved.
struct Envelope {
  Envelope() {
    part.iov_base = &word;
    part.iov_len = 1;
    message.msg_iov = &part;
    message.msg_iovlen = 1;
  }
  Envelope(const Envelope&) = delete;
  Envelope& operator=(const Envelope&) = delete;

  char word = 0;
  iovec part{};
  msghdr message{};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(kDescriptorsPerMessage * sizeof(int))> control{};
};

bool send_descriptors(int connection, std::span<const int> descriptors, char word) noexcept {
  Envelope envelope;
  envelope.word = word;
  envelope.message.msg_control = envelope.control.data();
  envelope.message.msg_controllen = CMSG_SPACE(descriptors.size_bytes());
  cmsghdr* const header = CMSG_FIRSTHDR(&envelope.message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(descriptors.size_bytes());
  std::memcpy(CMSG_DATA(header), descriptors.data(), descriptors.size_bytes());
  return ::sendmsg(connection, &envelope.message, MSG_NOSIGNAL) == 1;
}

// Appends what came; the word of the message, or 0 when there is none.
char receive_descriptors(int connection, std::vector<int>& descriptors) {
  Envelope envelope;
  envelope.message.msg_control = envelope.control.data();
  envelope.message.msg_controllen = envelope.control.size();
  if (::recvmsg(connection, &envelope.message, MSG_CMSG_CLOEXEC) != 1) return 0;
  const bool truncated = (envelope.message.msg_flags & MSG_CTRUNC) != 0;
  for (cmsghdr* header = CMSG_FIRSTHDR(&envelope.message); header != nullptr;
       header = CMSG_NXTHDR(&envelope.message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    const std::size_t before = descriptors.size();
    descriptors.resize(before + count);
    std::memcpy(descriptors.data() + before, CMSG_DATA(header), count * sizeof(int));
  }
  return truncated ? '\0' : envelope.word;
}

bool is_trusted(int connection) noexcept {
  ucred peer{};
  socklen_t size = sizeof peer;
  return ::getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
         (peer.uid == ::geteuid() || peer.uid == 0);
}

bool is_listening(int descriptor) noexcept {
  const auto option = [descriptor](int name) {
    int value = 0;
    socklen_t size = sizeof value;
    return ::getsockopt(descriptor, SOL_SOCKET, name, &value, &size) == 0 ? value : -1;
  };
  const int family = option(SO_DOMAIN);
  return (family == AF_INET || family == AF_INET6) && option(SO_TYPE) == SOCK_STREAM && option(SO_ACCEPTCONN) == 1;
}

void limit_waits(int connection) noexcept {
  const timeval patience{.tv_sec = kPatience.count() / 1000, .tv_usec = 0};
  ::setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  ::setsockopt(connection, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
}

}  // namespace

Predecessor::~Predecessor() {
  if (connection_ >= 0) ::close(connection_);
}

std::vector<int> Predecessor::take_listeners(const std::string& address, std::uint16_t port) {
  const std::string name = meeting_point(address, port);
  sockaddr_un where{};
  where.sun_family = AF_UNIX;
  std::memcpy(where.sun_path, name.data(), std::min(name.size(), sizeof where.sun_path));
  connection_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connection_ < 0) return {};
  limit_waits(connection_);
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): how the sockets interface is
  if (::connect(connection_, reinterpret_cast<const sockaddr*>(&where), size) != 0) return {};
  // Whoever squats on the name is given nothing and believed nothing.
  if (!is_trusted(connection_)) return {};
  std::vector<int> descriptors;
  char word = kMore;
  while (word == kMore && descriptors.size() < kDescriptorsMax) word = receive_descriptors(connection_, descriptors);
  const bool good = word == kLast && std::ranges::all_of(descriptors, is_listening);
  if (good) return descriptors;
  for (const int descriptor : descriptors) ::close(descriptor);
  return {};
}

void Predecessor::release() {
  if (connection_ < 0) return;
  char end = 0;
  if (::send(connection_, &kServing, 1, MSG_NOSIGNAL) == 1) static_cast<void>(::recv(connection_, &end, 1, 0));
  ::close(std::exchange(connection_, -1));
}

Successor::Successor(net::Executor executor, net::DeadlineWheel& wheel, net::TaskGroup& tasks,
                     std::function<void()> on_taken)
    : executor_(executor),
      wheel_(wheel),
      tasks_(tasks),
      on_taken_(std::move(on_taken)),
      acceptor_(std::move(executor)) {}

void Successor::offer_listeners(const std::string& address, std::uint16_t port, const std::vector<int>& descriptors) {
  boost::system::error_code code;
  acceptor_.open(Protocol(), code);
  if (!code) acceptor_.bind(Protocol::endpoint(meeting_point(address, port)), code);
  if (!code) acceptor_.listen(1, code);
  if (code) {
    base::log(base::LogLevel::warning, "no successor can take over from this process: " + code.message());
    return;
  }
  // Copies: a number that was closed elsewhere would soon mean another file.
  for (const int descriptor : descriptors) {
    const int copy = ::fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
    if (copy >= 0) descriptors_.push_back(copy);
  }
  tasks_.spawn(run());
}

void Successor::stop() {
  stopped_ = true;
  boost::system::error_code ignored;
  acceptor_.close(ignored);
  for (const int descriptor : descriptors_) ::close(descriptor);
  descriptors_.clear();
}

net::Awaitable<void> Successor::run() {
  while (!stopped_) {
    Socket socket(executor_);
    const auto [code] = co_await acceptor_.async_accept(socket, net::use_result);
    if (code || stopped_) co_return;
    if (!is_trusted(socket.native_handle())) {
      base::log(base::LogLevel::warning, "another user's process has asked for the listening sockets; it got none");
      continue;
    }
    const bool taken = co_await hand_over(socket);
    if (stopped_) co_return;
    if (!taken) continue;
    // The name is free for the successor before its own connection ends.
    stop();
    on_taken_();
  }
}

// True once the successor serves.
net::Awaitable<bool> Successor::hand_over(Socket& socket) {
  for (std::size_t sent = 0; sent < descriptors_.size();) {
    const std::size_t count = std::min(kDescriptorsPerMessage, descriptors_.size() - sent);
    const auto part = std::span(descriptors_).subspan(sent, count);
    sent += count;
    if (!send_descriptors(socket.native_handle(), part, sent == descriptors_.size() ? kLast : kMore)) co_return false;
  }
  struct Timer {
    static void fire(void* context) noexcept {
      boost::system::error_code ignored;
      static_cast<Socket*>(context)->close(ignored);
    }
  };
  net::DeadlineWheel::Entry timer(wheel_, &Timer::fire, &socket);
  timer.arm(wheel_.after(kPatience));
  char word = 0;
  const auto [code, bytes] = co_await socket.async_read_some(net::asio::buffer(&word, 1), net::use_result);
  co_return !code && word == kServing;
}

}  // namespace lb::app
