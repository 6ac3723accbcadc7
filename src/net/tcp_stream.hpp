// A Stream over TCP.
#pragma once

#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/ip/tcp.hpp>

#include "net/stream.hpp"

namespace lb::net {

using Tcp = asio::ip::tcp;
using TcpSocket = asio::basic_stream_socket<Tcp, Executor>;

class TcpStream {
 public:
  // Takes a connected socket; turns Nagle's algorithm off. `side` is stamped on every error.
  TcpStream(TcpSocket socket, DeadlineWheel& wheel, base::Side side);
  TcpStream(const TcpStream&) = delete;
  TcpStream& operator=(const TcpStream&) = delete;
  ~TcpStream() = default;

  [[nodiscard]] Awaitable<base::Result<std::size_t>> read_some(ReadBuffer& into, base::Deadline deadline);
  [[nodiscard]] bool more_at_hand() const noexcept { return filled_; }
  [[nodiscard]] std::size_t read_at_hand(ReadBuffer& into);
  [[nodiscard]] Awaitable<base::Result<void>> wait_readable(base::Deadline deadline);
  [[nodiscard]] Awaitable<base::Result<void>> write(const BufferList& from, base::Duration idle,
                                                    Next next = Next::anything);

  static constexpr bool kSplices = true;
  [[nodiscard]] bool may_splice() const noexcept { return true; }
  [[nodiscard]] base::Result<std::size_t> splice_in(Pipe& pipe, std::size_t bytes_max) noexcept;
  [[nodiscard]] Awaitable<base::Result<void>> splice_out(Pipe& pipe, base::Duration idle);

  void set_read_deadline(base::Deadline deadline) noexcept;
  void cancel_read() noexcept { stop(read_, Stop::cancelled); }
  void cancel_write() noexcept { stop(write_, Stop::cancelled); }
  bool read_ahead() noexcept { return false; }  // a look costs less than a read that has to be undone
  [[nodiscard]] Probe probe() noexcept;
  [[nodiscard]] Probe noticed() noexcept { return probe(); }
  void shutdown_send() noexcept;
  void close() noexcept;
  void abort() noexcept;

  [[nodiscard]] std::uint64_t bytes_written() const noexcept { return bytes_written_; }
  [[nodiscard]] DeadlineWheel& wheel() const noexcept { return wheel_; }
  [[nodiscard]] Executor executor() { return socket_.get_executor(); }

 private:
  enum class Stop : std::uint8_t { none, cancelled, expired };

  // One direction's wait: why it was stopped, if it was, and its clock.
  struct Direction {
    DeadlineWheel::Entry deadline;
    Stop stop = Stop::none;
    bool pending = false;
  };

  void begin(Direction& direction, base::Deadline deadline) noexcept;
  void stop(Direction& direction, Stop why) noexcept;
  // Ends the wait; the error is meaningful where the operation failed.
  [[nodiscard]] base::Error finish(Direction& direction, const boost::system::error_code& code) noexcept;
  // True if it was the other direction's cancelling that ended the wait, so that it has to be begun again.
  [[nodiscard]] bool disturbed(const Direction& direction, const boost::system::error_code& code) const noexcept;

  static void read_expired(void* self) noexcept;
  static void write_expired(void* self) noexcept;

  TcpSocket socket_;
  DeadlineWheel& wheel_;
  Direction read_;
  Direction write_;
  std::uint64_t bytes_written_ = 0;
  bool filled_ = false;  // the last read filled its buffer: there may be more
  base::Side side_;
};

static_assert(Stream<TcpStream>);

}  // namespace lb::net
