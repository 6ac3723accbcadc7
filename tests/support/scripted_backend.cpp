#include "support/scripted_backend.hpp"

#include <arpa/inet.h>
#include <array>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>

#include <gtest/gtest.h>

namespace lb::support {
namespace {

// The loopback address of either family, as the sockets interface wants it.
struct Address {
  Address(Family family, std::uint16_t port) {
    if (family == Family::ipv6) {
      auto& six = *reinterpret_cast<sockaddr_in6*>(&storage);  // NOLINT: the sockets interface asks for such casts
      six.sin6_family = AF_INET6;
      six.sin6_addr = in6addr_loopback;
      six.sin6_port = htons(port);
      size = sizeof six;
    } else {
      auto& four = *reinterpret_cast<sockaddr_in*>(&storage);  // NOLINT: as above
      four.sin_family = AF_INET;
      four.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      four.sin_port = htons(port);
      size = sizeof four;
    }
  }
  [[nodiscard]] const sockaddr* get() const {
    return reinterpret_cast<const sockaddr*>(&storage);  // NOLINT: as above
  }

  sockaddr_storage storage{};
  socklen_t size = 0;
};

// SO_REUSEADDR on both lets a second socket share the port as long as the first does not listen.
Descriptor bind_local(Family family, std::uint16_t port) {
  const Address address(family, port);
  Descriptor socket(::socket(address.get()->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int on = 1;
  ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  EXPECT_EQ(::bind(socket.get(), address.get(), address.size), 0) << "cannot bind port " << port;
  return socket;
}

// sin_port and sin6_port are at the same place on Linux.
std::uint16_t port_of(const Descriptor& socket) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  // NOLINTNEXTLINE: as above
  ::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size);
  return ntohs(reinterpret_cast<const sockaddr_in*>(&address)->sin_port);  // NOLINT: as above
}

}  // namespace

bool has_ipv6() {
  const Address address(Family::ipv6, 0);
  const Descriptor socket(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
  return socket.get() >= 0 && ::bind(socket.get(), address.get(), address.size) == 0;
}

void Gate::open() {
  const std::scoped_lock lock(mutex_);
  open_ = true;
  changed_.notify_all();
}

bool Gate::wait(Deadline deadline) {
  std::unique_lock lock(mutex_);
  return changed_.wait_until(lock, deadline, [this] { return open_; });
}

std::optional<Head> ScriptedBackend::Connection::read_request_head() {
  auto head = read_head(within(3 * kPatience));
  if (!head) return std::nullopt;
  head_ = *head;
  const std::scoped_lock lock(backend_.mutex_);
  if (number_ == 0) number_ = ++backend_.connections_;
  RecordedRequest request;
  request.message.head = *head;
  request.connection = number_;
  backend_.requests_.push_back(std::move(request));
  request_number_ = backend_.requests_.size();
  backend_.recorded_.notify_all();
  return head;
}

Message ScriptedBackend::Connection::read_request_body() {
  Message message;
  message.head = head_;
  read_body(message, Kind::request);
  const std::scoped_lock lock(backend_.mutex_);
  backend_.requests_[request_number_ - 1].message = message;
  return message;
}

std::optional<Message> ScriptedBackend::Connection::read_request() {
  if (!read_request_head()) return std::nullopt;
  return read_request_body();
}

ScriptedBackend::ScriptedBackend(Script script, Family family)
    : script_(std::move(script)),
      family_(family),
      reservation_(bind_local(family, 0)),
      wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  port_ = port_of(reservation_);
  start();
}

ScriptedBackend::~ScriptedBackend() {
  stop();
}

void ScriptedBackend::start() {
  listener_ = bind_local(family_, port_);
  ASSERT_EQ(::listen(listener_.get(), SOMAXCONN), 0);
  acceptor_ = std::thread([this] { accept_connections(); });
}

void ScriptedBackend::stop() {
  if (!acceptor_.joinable()) return;
  std::uint64_t count = 1;
  EXPECT_EQ(::write(wake_.get(), &count, sizeof count), static_cast<ssize_t>(sizeof count));
  acceptor_.join();
  EXPECT_EQ(::read(wake_.get(), &count, sizeof count), static_cast<ssize_t>(sizeof count));
  listener_.reset();
  for (Running& running : running_) running.connection->interrupt();
  for (Running& running : running_) running.thread.join();
  running_.clear();
}

void ScriptedBackend::accept_connections() {
  for (;;) {
    std::array<pollfd, 2> waits{pollfd{listener_.get(), POLLIN, 0}, pollfd{wake_.get(), POLLIN, 0}};
    if (::poll(waits.data(), waits.size(), -1) < 0) continue;
    if (waits[1].revents != 0) return;
    Descriptor socket(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (socket.get() < 0) continue;
    const int on = 1;
    ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    auto connection = std::make_unique<Connection>(*this, std::move(socket));
    Connection* raw = connection.get();
    std::thread thread([this, raw] {
      script_(*raw);
      raw->close();
    });
    running_.push_back({std::move(connection), std::move(thread)});
  }
}

std::size_t ScriptedBackend::connections() const {
  const std::scoped_lock lock(mutex_);
  return connections_;
}

std::size_t ScriptedBackend::request_count() const {
  const std::scoped_lock lock(mutex_);
  return requests_.size();
}

std::vector<RecordedRequest> ScriptedBackend::requests() const {
  const std::scoped_lock lock(mutex_);
  return requests_;
}

bool ScriptedBackend::wait_for_requests(std::size_t count, Deadline deadline) {
  std::unique_lock lock(mutex_);
  return recorded_.wait_until(lock, deadline, [&] { return requests_.size() >= count; });
}

std::string ok(std::string_view body) {
  return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + std::string(body);
}

ScriptedBackend::Script always(std::string answer) {
  return [answer = std::move(answer)](ScriptedBackend::Connection& connection) {
    while (connection.read_request()) {
      if (!connection.send(answer)) return;
    }
  };
}

}  // namespace lb::support
