// The seam between the HTTP code and what carries its bytes. TCP is a Stream in two ways (tcp_stream.hpp,
// ring_stream.hpp), the tests have one in memory, TLS will be one over another.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/container/static_vector.hpp>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "net/deadline_wheel.hpp"
#include "net/executor.hpp"

namespace lb::net {

// What one gathered write may consist of: a head, a chunk-size line, some runs of body, a CRLF, a last chunk.
inline constexpr std::size_t kGatherMax = 16;
using BufferList = boost::container::static_vector<asio::const_buffer, kGatherMax>;

// What follows a write. Before `close`, which must follow at once and may be shutdown_send(), the last bytes are held
// back so that the end of the stream goes in the same packet; before `more`, so that further bytes do, which must be at
// hand.
enum class Next : std::uint8_t { anything, more, close };

// Where a read puts its bytes: a buffer that its owner need not have while nothing comes.
class ReadBuffer {
 public:
  // Room for at least one byte, which stays until the read has ended or release() is called. So many bytes are likely
  // to come at once, as far as is known; 0: nothing is.
  [[nodiscard]] virtual asio::mutable_buffer prepare(std::size_t likely) = 0;
  // The read waits, and needs no room meanwhile.
  virtual void release() noexcept = 0;

 protected:
  ~ReadBuffer() = default;
};

// What lies on a connection that nobody reads at the moment.
enum class Probe : std::uint8_t { quiet, readable, closed };

class Pipe;

// What a stream can do besides where its bytes are those of a socket of the kernel's: pass them on through a pipe
// (relay.hpp), as reads and writes of their own kind.
class Splicer {
 public:
  // False: nothing comes in bulk, or something was read ahead, and is to be read first.
  [[nodiscard]] virtual bool may_splice() const noexcept = 0;
  // Bytes that can be read go into the pipe, `bytes_max` at most; 0: there were none, or the kernel refuses. Never
  // waits.
  [[nodiscard]] virtual base::Result<std::size_t> splice_in(Pipe& pipe, std::size_t bytes_max) noexcept = 0;
  // All that the pipe holds; what it still holds after a success the kernel refuses to splice. `idle` as write() has
  // it.
  [[nodiscard]] virtual Awaitable<base::Result<void>> splice_out(Pipe& pipe, base::Duration idle) = 0;

 protected:
  ~Splicer() = default;
};

// One byte stream in each direction, used by one worker. Everything speaks of the bytes that its user reads and writes,
// which need not be those on the wire. At most one read (or wait) and one write pend at a time; the two are independent
// of each other: cancelling or timing out one does not disturb the other. The bytes and buffers passed in stay alive
// and unmoved until the operation has completed. Errors carry the side that the stream was made for: closed, truncated,
// reset, timeout, cancelled, io.
class Stream {
 public:
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  virtual ~Stream() = default;

  // At least one byte, which begin where the room does, or an error. `closed` is the orderly end; `truncated` one that
  // the peer has not said to be its end, where that can be told.
  [[nodiscard]] virtual Awaitable<base::Result<std::size_t>> read_some(ReadBuffer& into, base::Deadline deadline) = 0;
  // Whether the last read left bytes unread, as far as it could tell.
  [[nodiscard]] virtual bool more_at_hand() const noexcept = 0;
  // As many of those as there is room for; 0 where there are none, or the next read would end with an error. Never
  // waits.
  [[nodiscard]] virtual std::size_t read_at_hand(ReadBuffer& into) = 0;
  // Until bytes (or the end) can be read; holds no buffer meanwhile.
  [[nodiscard]] virtual Awaitable<base::Result<void>> wait_readable(base::Deadline deadline) = 0;
  // Between two messages: the stream may begin to read, so that what comes, or the end, is known without looking. Such
  // a read holds no buffer of the caller's. False: it does not, and waiting for bytes costs more than reading them.
  virtual bool read_ahead() noexcept = 0;
  // What lies there now. Never waits, consumes nothing.
  [[nodiscard]] virtual Probe probe() noexcept = 0;
  // The same as far as it has come to notice, which costs nothing where the stream reads ahead.
  [[nodiscard]] virtual Probe noticed() noexcept = 0;

  // All bytes. `idle` bounds each wait for room, not the whole.
  [[nodiscard]] virtual Awaitable<base::Result<void>> write(const BufferList& from, base::Duration idle, Next next) = 0;
  [[nodiscard]] Awaitable<base::Result<void>> write(const BufferList& from, base::Duration idle) {
    return write(from, idle, Next::anything);
  }
  // The peer sees the end of our bytes and can still send. Nothing is written after it. An end that takes bytes of its
  // own waits for room as write() does.
  [[nodiscard]] virtual Awaitable<base::Result<void>> shutdown_send(base::Duration idle) = 0;

  // Replaces the deadline of the read or wait that pends.
  virtual void set_read_deadline(base::Deadline deadline) noexcept = 0;
  // The read or wait that pends, or the write, ends with `cancelled`; nothing happens if none does.
  virtual void cancel_read() noexcept = 0;
  virtual void cancel_write() noexcept = 0;
  // Everything that pends ends with `cancelled`. close() is orderly, as far as that needs no waiting; abort() lets the
  // peer see a reset.
  virtual void close() noexcept = 0;
  virtual void abort() noexcept = 0;

  // Our end of the connection; unspecified where there is none. Asks the system.
  [[nodiscard]] virtual asio::ip::tcp::endpoint local_endpoint() const noexcept { return {}; }

  // Null where the bytes do not lie in a socket of the kernel's.
  [[nodiscard]] virtual Splicer* splicer() noexcept { return nullptr; }

  // Since the stream was made.
  [[nodiscard]] std::uint64_t bytes_written() const noexcept { return bytes_written_; }
  [[nodiscard]] DeadlineWheel& wheel() const noexcept { return wheel_; }
  [[nodiscard]] const Executor& executor() const noexcept { return executor_; }

 protected:
  // `side` is stamped on every error. The wheel outlives the stream.
  Stream(Executor executor, DeadlineWheel& wheel, base::Side side) noexcept
      : executor_(std::move(executor)), wheel_(wheel), side_(side) {}

  Executor executor_;
  DeadlineWheel& wheel_;
  std::uint64_t bytes_written_ = 0;
  base::Side side_;
};

using StreamPtr = std::unique_ptr<Stream>;

}  // namespace lb::net
