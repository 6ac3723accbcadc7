// A blocking socket for test peers: every operation has a deadline, and messages are read by their own, deliberately
// simple framing code, so that a mistake of the code under test is not repeated by its judge.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.hpp"

namespace lb::support {

using base::Deadline;
using base::Duration;

// Long enough for a slow machine that runs other tests and sanitizers besides; only a test that fails waits so long.
inline constexpr Duration kPatience{20'000};

[[nodiscard]] inline base::TimePoint now() noexcept {
  return base::system_clock().now();
}
[[nodiscard]] inline Deadline within(Duration timeout = kPatience) noexcept {
  return now() + timeout;
}
// For poll(): what is left until the deadline, rounded up, never negative.
[[nodiscard]] int milliseconds_left(Deadline deadline) noexcept;

// Owns a file descriptor.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int value) noexcept : value_(value) {}
  Descriptor(Descriptor&& other) noexcept : value_(std::exchange(other.value_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept;
  ~Descriptor() { reset(); }

  [[nodiscard]] int get() const noexcept { return value_; }
  void reset() noexcept;

 private:
  int value_ = -1;
};

struct HeaderField {
  std::string name;   // as it was spelled
  std::string value;  // without white space around it
};

struct Head {
  std::string text;  // all bytes, the empty line included
  std::string start_line;
  std::vector<HeaderField> fields;

  // The values of all fields of that name, in order, whatever the case of its letters.
  [[nodiscard]] std::vector<std::string> values(std::string_view name) const;
  // The value of the first such field; "<none>" when there is none, which no test takes for a value.
  [[nodiscard]] std::string value(std::string_view name) const;
  [[nodiscard]] bool has(std::string_view name) const { return !values(name).empty(); }
};

[[nodiscard]] Head parse_head(std::string text);

// A request's head without the id that the balancer gives each that comes without one: it is another one each time.
[[nodiscard]] std::string without_made_id(std::string head);

struct Message {
  Head head;
  std::string body;      // decoded
  std::string framed;    // the body's bytes as they were on the connection
  std::string trailers;  // the lines of the trailer section
  bool complete =
      false;  // the framing says so; an answer that only the end of the connection delimits: it was no reset

  [[nodiscard]] int status() const noexcept;
};

enum class Kind : std::uint8_t { request, response, response_to_head };

// How reading ended.
enum class Ending : std::uint8_t { open, closed, reset, timeout };

// One connection. Used by one thread; only interrupt() may come from another.
class Wire {
 public:
  explicit Wire(Descriptor socket);

  // False when the peer takes no more, or not in time.
  bool send(std::string_view bytes, Deadline deadline = within());

  // Nothing when the connection ended first, or the deadline passed: see ending().
  [[nodiscard]] std::optional<Head> read_head(Deadline deadline = within());
  // Head and body by the framing the head names. An empty head: none came.
  [[nodiscard]] Message read_message(Kind kind, Deadline deadline = within());
  // The body that belongs to `message.head`.
  void read_body(Message& message, Kind kind, Deadline deadline = within());
  // Fewer than `size` when the connection ended first.
  [[nodiscard]] std::string read_exactly(std::size_t size, Deadline deadline = within());
  // What came until the connection ended.
  [[nodiscard]] std::string read_to_end(Deadline deadline = within());
  // Reads and counts without keeping, for bodies that are too large to keep. Returns the bytes read now; empty at the
  // end.
  [[nodiscard]] std::string read_some(Deadline deadline = within());

  // True when nothing at all, not even the end, comes within `time`: for what must not happen yet.
  [[nodiscard]] bool quiet_for(Duration time);
  // Waits until the peer has closed or reset the connection, dropping what still comes. False: not in time.
  [[nodiscard]] bool wait_ended(Deadline deadline = within());
  [[nodiscard]] Ending ending() const noexcept { return ending_; }

  void shutdown_send();
  void close();
  void reset();      // the peer gets a TCP reset
  void interrupt();  // any thread: whatever waits here ends now
  void set_receive_buffer(int bytes);

 private:
  bool fill(Deadline deadline);
  bool read_chunked(Message& message, Deadline deadline);
  std::optional<std::string> read_line(Deadline deadline);

  std::mutex mutex_;  // the descriptor is closed by one thread while another interrupts
  Descriptor socket_;
  std::string unread_;
  Ending ending_ = Ending::open;
};

// Binds a socket of IPv4 to a free port of 127.0.0.1, and returns that.
[[nodiscard]] std::uint16_t bind_to_loopback(const Descriptor& socket);

}  // namespace lb::support
