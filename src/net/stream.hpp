// The seam between the HTTP code and what carries its bytes. http1, upstream and proxy are templates over a Stream; TCP
// is one (tcp_stream.hpp), the tests have one in memory, TLS will be another.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>

#include <boost/asio/buffer.hpp>
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

// One byte stream in each direction, used by one worker. At most one read (or wait) and one write pend at a time; the
// two are independent of each other: cancelling or timing out one does not disturb the other. The bytes and buffers
// passed in stay alive and unmoved until the operation has completed. Errors carry the side that the stream was made
// for: closed, reset, timeout, cancelled, io.
template <class S>
concept Stream =
    requires(S stream, ReadBuffer& read_buffer, const BufferList& from, base::Deadline deadline, base::Duration idle) {
      // At least one byte, which begin where the room does, or an error; `closed` is the orderly end.
      { stream.read_some(read_buffer, deadline) } -> std::same_as<Awaitable<base::Result<std::size_t>>>;
      // Whether the last read left bytes unread, as far as it could tell.
      { stream.more_at_hand() } -> std::same_as<bool>;
      // As many of those as there is room for; 0 where there are none, or the next read would end with an error. Never
      // waits.
      { stream.read_at_hand(read_buffer) } -> std::same_as<std::size_t>;
      // Until bytes (or the end) can be read; holds no buffer meanwhile.
      { stream.wait_readable(deadline) } -> std::same_as<Awaitable<base::Result<void>>>;
      // All bytes. `idle` bounds each wait for room, not the whole.
      { stream.write(from, idle, Next::close) } -> std::same_as<Awaitable<base::Result<void>>>;
      // Replaces the deadline of the read or wait that pends.
      { stream.set_read_deadline(deadline) };
      // The read or wait that pends, or the write, ends with `cancelled`; nothing happens if none does.
      { stream.cancel_read() };
      { stream.cancel_write() };
      // Between two messages: the stream may begin to read, so that what comes, or the end, is known without looking.
      // Such a read holds no buffer of the caller's. False: it does not, and waiting for bytes costs more than reading
      // them.
      { stream.read_ahead() } -> std::same_as<bool>;
      // What lies there now. Never waits, consumes nothing.
      { stream.probe() } -> std::same_as<Probe>;
      // The same as far as it has come to notice, which costs nothing where the stream reads ahead.
      { stream.noticed() } -> std::same_as<Probe>;
      // The peer sees the end of our bytes and can still send.
      { stream.shutdown_send() };
      // Everything that pends ends with `cancelled`. close() is orderly; abort() lets the peer see a reset.
      { stream.close() };
      { stream.abort() };
      // Since the stream was made.
      { stream.bytes_written() } -> std::same_as<std::uint64_t>;
      { stream.wheel() } -> std::same_as<DeadlineWheel&>;
      { stream.executor() } -> std::same_as<Executor>;
      // Whether it is a SplicingStream: its bytes are what a socket of the kernel's carries.
      { S::kSplices } -> std::convertible_to<bool>;
    };

// Bytes may go from one to another through a pipe (relay.hpp), as reads and writes of their own kind.
template <class S>
concept SplicingStream =
    Stream<S> && S::kSplices && requires(S stream, Pipe& pipe, std::size_t bytes_max, base::Duration idle) {
      // False: nothing comes in bulk, or something was read ahead, and is to be read first.
      { stream.may_splice() } -> std::same_as<bool>;
      // Bytes that can be read go into the pipe, `bytes_max` at most; 0: there were none, or the kernel refuses. Never
      // waits.
      { stream.splice_in(pipe, bytes_max) } -> std::same_as<base::Result<std::size_t>>;
      // All that the pipe holds; what it still holds after a success the kernel refuses to splice. `idle` as write()
      // has it.
      { stream.splice_out(pipe, idle) } -> std::same_as<Awaitable<base::Result<void>>>;
    };

}  // namespace lb::net
