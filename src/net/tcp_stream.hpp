// A Stream over TCP.
#pragma once

#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/ip/tcp.hpp>

#include "net/stream.hpp"

namespace lb::net {

using Tcp = asio::ip::tcp;
using TcpSocket = asio::basic_stream_socket<Tcp, Executor>;

class TcpStream : public Stream, public Splicer {
 public:
  // Takes a connected socket; turns Nagle's algorithm off. `side` is stamped on every error.
  TcpStream(TcpSocket socket, DeadlineWheel& wheel, base::Side side);

  using Stream::write;
  [[nodiscard]] Awaitable<base::Result<std::size_t>> read_some(ReadBuffer& into, base::Deadline deadline) override;
  [[nodiscard]] bool more_at_hand() const noexcept override { return filled_; }
  [[nodiscard]] std::size_t read_at_hand(ReadBuffer& into) override;
  [[nodiscard]] Awaitable<base::Result<void>> wait_readable(base::Deadline deadline) override;
  [[nodiscard]] Awaitable<base::Result<void>> write(const BufferList& from, base::Duration idle, Next next) override;

  [[nodiscard]] Splicer* splicer() noexcept override { return this; }
  [[nodiscard]] bool may_splice() const noexcept override { return true; }
  [[nodiscard]] base::Result<std::size_t> splice_in(Pipe& pipe, std::size_t bytes_max) noexcept override;
  [[nodiscard]] Awaitable<base::Result<void>> splice_out(Pipe& pipe, base::Duration idle) override;

  void set_read_deadline(base::Deadline deadline) noexcept override;
  void cancel_read() noexcept override { stop(read_, Stop::cancelled); }
  void cancel_write() noexcept override { stop(write_, Stop::cancelled); }
  bool read_ahead() noexcept override { return false; }  // a look costs less than a read that has to be undone
  [[nodiscard]] Probe probe() noexcept override;
  [[nodiscard]] Probe noticed() noexcept override { return probe(); }
  [[nodiscard]] Awaitable<base::Result<void>> shutdown_send(base::Duration idle) override;
  [[nodiscard]] Tcp::endpoint local_endpoint() const noexcept override;
  void close() noexcept override;
  void abort() noexcept override;

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

  void read_expired() noexcept;
  void write_expired() noexcept;

  TcpSocket socket_;
  Direction read_;
  Direction write_;
  bool filled_ = false;  // the last read filled its buffer: there may be more
};

}  // namespace lb::net
