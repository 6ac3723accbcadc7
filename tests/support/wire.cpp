#include "support/wire.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <gtest/gtest.h>

namespace lb::support {
namespace {

bool same_name(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  return std::ranges::equal(a, b, [&](char x, char y) { return lower(x) == lower(y); });
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

}  // namespace

int milliseconds_left(Deadline deadline) noexcept {
  const auto left = std::chrono::ceil<Duration>(deadline - now()).count();
  return static_cast<int>(std::clamp<std::int64_t>(left, 0, 3'600'000));
}

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
  if (this != &other) {
    reset();
    value_ = std::exchange(other.value_, -1);
  }
  return *this;
}

void Descriptor::reset() noexcept {
  if (value_ >= 0) ::close(value_);
  value_ = -1;
}

std::vector<std::string> Head::values(std::string_view name) const {
  std::vector<std::string> found;
  for (const HeaderField& field : fields) {
    if (same_name(field.name, name)) found.push_back(field.value);
  }
  return found;
}

std::string Head::value(std::string_view name) const {
  const std::vector<std::string> found = values(name);
  return found.empty() ? "<none>" : found.front();
}

std::string without_made_id(std::string head) {
  constexpr std::string_view kName = "\r\nX-Request-Id: ";
  constexpr std::size_t kDigits = 32;
  const std::size_t at = head.find(kName);
  if (at == std::string::npos) return head;
  const std::string_view behind = std::string_view(head).substr(at + kName.size());
  const bool made = behind.find_first_not_of("0123456789abcdef") == kDigits && behind.substr(kDigits, 2) == "\r\n";
  if (made) head.erase(at, kName.size() + kDigits);
  return head;
}

Head parse_head(std::string text) {
  Head head;
  std::string_view rest = text;
  for (bool first = true;; first = false) {
    const std::size_t end = rest.find("\r\n");
    const std::string_view line = rest.substr(0, end);
    if (first) {
      head.start_line = line;
    } else if (!line.empty()) {
      const std::size_t colon = line.find(':');
      head.fields.push_back({std::string(line.substr(0, colon)),
                             colon == std::string_view::npos ? "" : std::string(trimmed(line.substr(colon + 1)))});
    }
    if (end == std::string_view::npos || line.empty()) break;
    rest.remove_prefix(end + 2);
  }
  head.text = std::move(text);
  return head;
}

int Message::status() const noexcept {
  return head.start_line.size() >= 12 ? std::atoi(head.start_line.c_str() + 9) : 0;
}

Wire::Wire(Descriptor socket) : socket_(std::move(socket)) {}

bool Wire::send(std::string_view bytes, Deadline deadline) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    } else if (errno == EAGAIN) {
      pollfd wait{socket_.get(), POLLOUT, 0};
      if (::poll(&wait, 1, milliseconds_left(deadline)) == 0) return false;
    } else if (errno != EINTR) {
      return false;
    }
  }
  return true;
}

// One read. False: nothing more comes, see ending_.
bool Wire::fill(Deadline deadline) {
  if (ending_ == Ending::closed || ending_ == Ending::reset) return false;
  std::array<char, 64 * 1024> bytes;
  for (;;) {
    const ssize_t got = ::recv(socket_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
    if (got > 0) {
      unread_.append(bytes.data(), static_cast<std::size_t>(got));
      return true;
    }
    if (got == 0) {
      ending_ = Ending::closed;
      return false;
    }
    if (errno == EAGAIN) {
      pollfd wait{socket_.get(), POLLIN, 0};
      if (::poll(&wait, 1, milliseconds_left(deadline)) == 0) {
        ending_ = Ending::timeout;
        return false;
      }
    } else if (errno != EINTR) {
      ending_ = Ending::reset;
      return false;
    }
  }
}

std::optional<Head> Wire::read_head(Deadline deadline) {
  std::size_t end = 0;
  while ((end = unread_.find("\r\n\r\n")) == std::string::npos) {
    if (!fill(deadline)) return std::nullopt;
  }
  Head head = parse_head(unread_.substr(0, end + 4));
  unread_.erase(0, end + 4);
  return head;
}

std::optional<std::string> Wire::read_line(Deadline deadline) {
  std::size_t end = 0;
  while ((end = unread_.find("\r\n")) == std::string::npos) {
    if (!fill(deadline)) return std::nullopt;
  }
  std::string line = unread_.substr(0, end);
  unread_.erase(0, end + 2);
  return line;
}

bool Wire::read_chunked(Message& message, Deadline deadline) {
  for (;;) {
    const auto line = read_line(deadline);
    if (!line) return false;
    message.framed += *line + "\r\n";
    std::size_t size = 0;
    const auto parsed = std::from_chars(line->data(), line->data() + line->size(), size, 16);
    if (parsed.ec != std::errc() || parsed.ptr == line->data()) return false;
    if (size == 0) break;
    const std::string data = read_exactly(size + 2, deadline);
    message.framed += data;
    message.body += data.substr(0, size);
    if (data.size() != size + 2 || !data.ends_with("\r\n")) return false;
  }
  for (;;) {
    const auto line = read_line(deadline);
    if (!line) return false;
    message.framed += *line + "\r\n";
    if (line->empty()) return true;
    message.trailers += *line + "\r\n";
  }
}

void Wire::read_body(Message& message, Kind kind, Deadline deadline) {
  const int status = message.status();
  const bool bodiless =
      kind == Kind::response_to_head || (kind == Kind::response && (status < 200 || status == 204 || status == 304));
  if (bodiless) {
    message.complete = true;
  } else if (message.head.has("Transfer-Encoding")) {
    message.complete = read_chunked(message, deadline);
  } else if (message.head.has("Content-Length")) {
    const std::size_t size = std::strtoull(message.head.value("Content-Length").c_str(), nullptr, 10);
    message.body = message.framed = read_exactly(size, deadline);
    message.complete = message.body.size() == size;
  } else if (kind == Kind::response) {
    message.body = message.framed = read_to_end(deadline);
    message.complete = ending_ == Ending::closed;
  } else {
    message.complete = true;
  }
}

Message Wire::read_message(Kind kind, Deadline deadline) {
  Message message;
  auto head = read_head(deadline);
  if (!head) return message;
  message.head = std::move(*head);
  read_body(message, kind, deadline);
  return message;
}

std::string Wire::read_exactly(std::size_t size, Deadline deadline) {
  while (unread_.size() < size && fill(deadline)) {
  }
  std::string bytes = unread_.substr(0, size);
  unread_.erase(0, bytes.size());
  return bytes;
}

std::string Wire::read_to_end(Deadline deadline) {
  while (fill(deadline)) {
  }
  return std::exchange(unread_, {});
}

std::string Wire::read_some(Deadline deadline) {
  if (unread_.empty()) fill(deadline);
  return std::exchange(unread_, {});
}

bool Wire::quiet_for(Duration time) {
  pollfd wait{socket_.get(), POLLIN | POLLRDHUP, 0};
  return unread_.empty() && ::poll(&wait, 1, milliseconds_left(within(time))) == 0;
}

bool Wire::wait_ended(Deadline deadline) {
  static_cast<void>(read_to_end(deadline));
  return ending_ != Ending::timeout;
}

void Wire::shutdown_send() {
  ::shutdown(socket_.get(), SHUT_WR);
}

void Wire::close() {
  const std::scoped_lock lock(mutex_);
  socket_.reset();
}

void Wire::reset() {
  const std::scoped_lock lock(mutex_);
  const linger at_once{1, 0};
  ::setsockopt(socket_.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  socket_.reset();
}

void Wire::interrupt() {
  const std::scoped_lock lock(mutex_);
  if (socket_.get() >= 0) ::shutdown(socket_.get(), SHUT_RDWR);
}

void Wire::set_receive_buffer(int bytes) {
  ::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
}

std::uint16_t bind_to_loopback(const Descriptor& socket) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* const generic = reinterpret_cast<sockaddr*>(&address);  // NOLINT: the sockets interface asks for this cast
  EXPECT_EQ(::bind(socket.get(), generic, size), 0);
  EXPECT_EQ(::getsockname(socket.get(), generic, &size), 0);
  return ntohs(address.sin_port);
}

}  // namespace lb::support
