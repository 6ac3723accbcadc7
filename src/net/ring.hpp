// The kernel's io_uring, as one worker uses it: operations are handed over in batches, one system call for each turn of
// the loop, and their results are picked up from shared memory.
//
// J. Axboe, "Efficient IO with io_uring" (2019); man io_uring_setup(2), io_uring_enter(2).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <sys/socket.h>
#include <vector>

#include "base/clock.hpp"

struct io_uring;
struct io_uring_sqe;

namespace lb::net {

// One thread from enable() on. Functions that begin an operation never fail and never wait; what becomes of it is told
// to its `done`, which turn() calls, exactly once for each time it was begun.
class Ring {
 public:
  // What the kernel says. `result` is what the system call would return: bytes or a descriptor, or -errno.
  struct Outcome {
    int result = 0;
    int buffer = -1;            // of receive_into_ring(): which one holds the bytes; to be given back
    bool more_to_read = false;  // of a receive: the socket holds more bytes
  };

  // Something that the kernel does for us. It stays at its address while it pends.
  struct Operation {
    using Done = void (*)(Operation& self, const Outcome& outcome) noexcept;
    explicit Operation(Done call) noexcept : done(call) {}
    Operation(const Operation&) = delete;
    Operation& operator=(const Operation&) = delete;
    ~Operation() = default;

    Done done;
    bool pending = false;
  };

  // Null where the kernel has no io_uring, does not permit it, or has one that is too old (before Linux 6.1); `problem`
  // then says which. Any thread.
  [[nodiscard]] static std::unique_ptr<Ring> open(std::string& problem);
  ~Ring();
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;

  // Called once, on the thread that will use it.
  void enable() noexcept;

  // Hands over what was begun, waits until something is done or `timeout` has passed (kForever: no limit; zero: does
  // not wait), and calls what is done.
  static constexpr base::Duration kForever = base::Duration::max();
  void turn(base::Duration timeout) noexcept;
  // Ends a turn() that waits. Any thread.
  void wake() noexcept;
  // Operations that pend.
  [[nodiscard]] std::size_t pending() const noexcept { return pending_; }

  // Receives into a buffer that the kernel takes from the ring's when bytes have come, so that a connection that waits
  // holds none. -ENOBUFS if all are in use.
  void receive_into_ring(Operation& operation, int descriptor) noexcept;
  // Bytes of such a buffer; they are the caller's until give_back().
  [[nodiscard]] char* buffer(int id) const noexcept;
  static constexpr std::size_t kBufferBytes = 16 * 1024;
  void give_back(int id) noexcept;

  // Receives into the caller's buffer. `expected` says that bytes are there already.
  void receive(Operation& operation, int descriptor, std::span<char> into, bool expected) noexcept;
  // At least one byte of the run, or of all runs; `flags` as send(2) has them. The bytes, and the message with its
  // parts, stay until it is done.
  void send(Operation& operation, int descriptor, std::span<const char> bytes, int flags) noexcept;
  void send(Operation& operation, int descriptor, const msghdr& message, int flags) noexcept;
  // `address` stays until it is done.
  void connect(Operation& operation, int descriptor, const sockaddr& address, socklen_t size) noexcept;
  // A connection's descriptor, of a blocking socket; `address` and `size` stay until it is done.
  void accept(Operation& operation, int descriptor, sockaddr& address, socklen_t& size) noexcept;
  // Until the descriptor can be read, or written.
  void wait_readable(Operation& operation, int descriptor) noexcept;
  void wait_writable(Operation& operation, int descriptor) noexcept;

  // Asks for the operation's end. It is done all the same: with -ECANCELED, or with what it has achieved.
  void cancel(Operation& operation) noexcept;
  // Closes the descriptor, behind everything that was begun before.
  void close(int descriptor) noexcept;

 private:
  explicit Ring(std::unique_ptr<io_uring> ring) noexcept;
  [[nodiscard]] bool register_buffers() noexcept;
  [[nodiscard]] io_uring_sqe* next_entry() noexcept;
  void begin(Operation& operation, io_uring_sqe* entry) noexcept;
  void await_wake() noexcept;
  void call_what_is_done() noexcept;

  std::unique_ptr<io_uring> ring_;
  void* memory_ = nullptr;  // mapped: the list of free buffers, which the kernel reads, and the buffers
  Operation woken_;
  int wake_descriptor_ = -1;
  std::size_t pending_ = 0;
};

}  // namespace lb::net
