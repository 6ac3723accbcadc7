#include "app/takeover.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <fcntl.h>
#include <span>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>

#include <boost/asio/buffer.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>

#include "base/limits.hpp"
#include "base/log.hpp"
#include "net/tcp_stream.hpp"

namespace lb::app {
namespace {

constexpr std::size_t kDescriptorsPerMessage = 64;  // the kernel takes up to 253
constexpr std::size_t kDescriptorsMax = 4096;       // more than there can be workers
constexpr char kMore = 'M';                         // descriptors, and another message follows
constexpr char kLast = 'L';                         // descriptors, the last ones
constexpr char kLastBeforeText = 'T';               // the same, and a text follows, with its length in front
constexpr std::size_t kTextBytesMax = 1024 * 1024;  // about 1 KiB for each backend
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

// Appends what came, without waiting; the word of the message, or 0 when there is none or a part of it was lost.
char receive_descriptors(int connection, std::vector<int>& descriptors) {
  Envelope envelope;
  envelope.message.msg_control = envelope.control.data();
  envelope.message.msg_controllen = envelope.control.size();
  if (::recvmsg(connection, &envelope.message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT) != 1) return 0;
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

// Closes a socket at a deadline, which ends whatever waits on it.
template <class Socket>
class ClosingTimer {
 public:
  ClosingTimer(net::DeadlineWheel& wheel, Socket& socket)
      : socket_(socket), entry_(wheel, net::DeadlineWheel::Fire::to<&ClosingTimer::fire>(*this)) {
    entry_.arm(wheel.after(kPatience));
  }

 private:
  void fire() noexcept {
    boost::system::error_code ignored;
    socket_.close(ignored);
  }

  Socket& socket_;
  net::DeadlineWheel::Entry entry_;
};

}  // namespace

net::Awaitable<Predecessor::Taken> Predecessor::take_listeners(std::string address, std::uint16_t port) {
  const ClosingTimer timer(wheel_, socket_);
  const Protocol::endpoint name(meeting_point(address, port));
  const auto [refused] = co_await socket_.async_connect(name, net::use_result);
  if (refused == net::asio::error::connection_refused) co_return Taken{};
  if (refused) co_return Taken{{}, refused.message()};
  // Whoever squats on the name is believed nothing.
  if (!is_trusted(socket_.native_handle())) co_return Taken{{}, "it is another user's"};
  Taken taken;
  taken.problem = co_await receive_all(taken);
  if (taken.problem.empty() && !std::ranges::all_of(taken.descriptors, is_listening)) {
    taken.problem = "what it gave does not listen";
  }
  if (!taken.problem.empty()) {
    for (const int descriptor : std::exchange(taken.descriptors, {})) ::close(descriptor);
    stop();
  }
  co_return taken;
}

// What went wrong, or nothing.
net::Awaitable<std::string> Predecessor::receive_all(Taken& taken) {
  std::vector<int>& descriptors = taken.descriptors;
  char word = kMore;
  while (word == kMore) {
    const auto [code] = co_await socket_.async_wait(net::asio::socket_base::wait_read, net::use_result);
    if (code) co_return "it did not answer in time";
    word = receive_descriptors(socket_.native_handle(), descriptors);
    if (word != kMore && word != kLast && word != kLastBeforeText) co_return "it did not give all of its sockets";
    if (descriptors.empty() || descriptors.size() > kDescriptorsMax) co_return "it gave no sockets, or too many";
  }
  if (word == kLast) co_return std::string();
  co_return co_await receive_text(taken.left);
}

net::Awaitable<std::string> Predecessor::receive_text(std::string& text) {
  std::uint32_t size = 0;
  const auto [cut, bytes] =
      co_await net::asio::async_read(socket_, net::asio::buffer(&size, sizeof size), net::use_result);
  if (cut || bytes != sizeof size || size > kTextBytesMax) co_return "it does not say what it leaves";
  text.resize(size);
  const auto [cut_short, came] = co_await net::asio::async_read(socket_, net::asio::buffer(text), net::use_result);
  if (cut_short || came != size) co_return "it does not say all that it leaves";
  co_return std::string();
}

net::Awaitable<void> Predecessor::release() {
  if (!socket_.is_open()) co_return;
  const ClosingTimer timer(wheel_, socket_);
  char word = kServing;
  const auto [unsent, sent] = co_await socket_.async_write_some(net::asio::buffer(&word, 1), net::use_result);
  // Its end: it has given the name up.
  if (!unsent) static_cast<void>(co_await socket_.async_read_some(net::asio::buffer(&word, 1), net::use_result));
  stop();
}

void Predecessor::stop() noexcept {
  boost::system::error_code ignored;
  socket_.close(ignored);
}

Successor::Successor(net::Executor executor, net::DeadlineWheel& wheel, net::TaskGroup& tasks,
                     std::function<std::string()> leave, std::function<void()> on_taken)
    : executor_(executor),
      wheel_(wheel),
      tasks_(tasks),
      leave_(std::move(leave)),
      on_taken_(std::move(on_taken)),
      acceptor_(std::move(executor)) {}

void Successor::offer_listeners(const std::string& address, std::uint16_t port, const std::vector<int>& descriptors) {
  if (!meet_at(address, port)) return;
  copy(descriptors);
  if (!stopped_) tasks_.spawn(run());
}

void Successor::offer_others(const std::string& address, std::uint16_t port, const std::vector<int>& descriptors) {
  if (stopped_ || !acceptor_.is_open()) return;
  if (meeting_point(address, port) != met_at_ && !meet_at(address, port)) return stop();
  copy(descriptors);
}

// Where a successor asks from now on. The accept() that pends at an earlier place ends, and run() goes on at this one.
bool Successor::meet_at(const std::string& address, std::uint16_t port) {
  boost::system::error_code code;
  acceptor_.close(code);
  met_at_ = meeting_point(address, port);
  acceptor_.open(Protocol(), code);
  if (!code) acceptor_.bind(Protocol::endpoint(met_at_), code);
  if (!code) acceptor_.listen(1, code);
  if (!code) return true;
  base::log(base::LogLevel::warning, "no successor can take over from this process: " + code.message());
  return false;
}

void Successor::copy(const std::vector<int>& descriptors) {
  for (const int descriptor : std::exchange(descriptors_, {})) ::close(descriptor);
  // Copies: a number that was closed elsewhere would soon mean another file.
  for (const int descriptor : descriptors) {
    const int copy = ::fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
    if (copy < 0) {
      base::log(base::LogLevel::warning, "no successor can take over from this process: out of descriptors");
      return stop();
    }
    descriptors_.push_back(copy);
  }
}

void Successor::stop() {
  stopped_ = true;
  boost::system::error_code ignored;
  acceptor_.close(ignored);
  for (const int descriptor : descriptors_) ::close(descriptor);
  descriptors_.clear();
}

net::Awaitable<void> Successor::run() {
  net::Pause pause(executor_, wheel_);
  while (!stopped_) {
    Socket socket(executor_);
    const auto [code] = co_await acceptor_.async_accept(socket, net::use_result);
    if (stopped_) co_return;
    if (code) {
      // Out of descriptors, most likely: another time.
      co_await pause.until(wheel_.after(base::kAcceptPause));
      continue;
    }
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
    if (!send_descriptors(socket.native_handle(), part, sent == descriptors_.size() ? kLastBeforeText : kMore))
      co_return false;
  }
  const ClosingTimer timer(wheel_, socket);
  std::string text = leave_();
  if (text.size() > kTextBytesMax) text.clear();
  const auto size = static_cast<std::uint32_t>(text.size());
  text.insert(0, reinterpret_cast<const char*>(&size), sizeof size);  // NOLINT: both sides are one machine's
  const auto [unsent, sent] = co_await net::asio::async_write(socket, net::asio::buffer(text), net::use_result);
  if (unsent) co_return false;
  char word = 0;
  const auto [code, bytes] = co_await socket.async_read_some(net::asio::buffer(&word, 1), net::use_result);
  co_return !code && word == kServing;
}

}  // namespace lb::app
