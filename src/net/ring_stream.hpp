// A Stream over TCP by io_uring.
#pragma once

#include <memory>

#include "net/ring_operation.hpp"
#include "net/stream.hpp"

namespace lb::net {

// While nothing is read into a buffer of the caller's, at most one receive into a buffer of the ring pends, and stays
// beyond the read that began it: so the end of a connection that idles is noticed without looking, waiting takes no
// buffer beside what the reader holds, and a read that times out leaves nothing to be undone. What has come and is not
// read at once is copied out of the ring's buffer, which others need.
class RingStream : public Stream, public Splicer {
 public:
  // Takes a connected socket, which is a blocking one (the kernel would not wait on others). `side` is stamped on every
  // error. The ring outlives the stream.
  RingStream(Ring& ring, Executor executor, DeadlineWheel& wheel, int descriptor, base::Side side);
  ~RingStream() override;

  using Stream::write;
  [[nodiscard]] Awaitable<base::Result<std::size_t>> read_some(ReadBuffer& into, base::Deadline deadline) override;
  [[nodiscard]] bool more_at_hand() const noexcept override { return has_stash() || more_to_read_; }
  [[nodiscard]] std::size_t read_at_hand(ReadBuffer& into) override;
  [[nodiscard]] Awaitable<base::Result<void>> wait_readable(base::Deadline deadline) override;
  [[nodiscard]] Awaitable<base::Result<void>> write(const BufferList& from, base::Duration idle, Next next) override;

  [[nodiscard]] Splicer* splicer() noexcept override { return this; }
  [[nodiscard]] bool may_splice() const noexcept override;
  [[nodiscard]] base::Result<std::size_t> splice_in(Pipe& pipe, std::size_t bytes_max) noexcept override;
  [[nodiscard]] Awaitable<base::Result<void>> splice_out(Pipe& pipe, base::Duration idle) override;

  void set_read_deadline(base::Deadline deadline) noexcept override;
  void cancel_read() noexcept override { stop_reading(Stop::cancelled); }
  void cancel_write() noexcept override { stop_writing(Stop::cancelled); }
  bool read_ahead() noexcept override;
  [[nodiscard]] Probe probe() noexcept override;
  [[nodiscard]] Probe noticed() noexcept override;
  [[nodiscard]] Awaitable<base::Result<void>> shutdown_send(base::Duration idle) override;
  [[nodiscard]] asio::ip::tcp::endpoint local_endpoint() const noexcept override;
  void close() noexcept override;
  void abort() noexcept override;

 private:
  enum class Stop : std::uint8_t { none, cancelled, expired };

  // The receive into a buffer of the ring. It may outlive the stream, which then is null, and deletes itself.
  struct Ahead final : Ring::Operation {
    explicit Ahead(RingStream& owner) noexcept : Operation(&Ahead::call), ring(owner.ring_), stream(&owner) {}
    static void call(Operation& self, const Ring::Outcome& outcome) noexcept;
    Ring& ring;
    RingStream* stream;
    bool only_looks = false;  // whether bytes have come, and leaves them in the socket
  };

  // What read ahead, until it is read.
  struct Stash {
    int buffer = -1;                    // of the ring; else
    std::unique_ptr<char[]> spilled{};  // of its own
    std::size_t begin = 0;
    std::size_t end = 0;
  };

  [[nodiscard]] bool has_stash() const noexcept { return stash_.end > 0; }
  std::size_t read_stash(ReadBuffer& into);
  void spill_stash();
  void drop_stash() noexcept;
  void came_ahead(const Ring::Outcome& outcome);
  void note_end(int result) noexcept;

  void read_into_ring() noexcept;
  std::size_t receive_now(ReadBuffer& into) noexcept;
  std::size_t note_received(int result) noexcept;
  void stop_reading(Stop why) noexcept;
  void stop_writing(Stop why) noexcept;
  [[nodiscard]] base::Error error_of(Stop stop, int result) const noexcept;

  void read_expired() noexcept;
  void write_expired() noexcept;

  Ring& ring_;
  int descriptor_;

  // Reading.
  Stop read_stop_ = Stop::none;
  bool reading_ = false;
  bool in_bulk_ = false;       // bytes fill the buffers: they go straight into the caller's
  bool more_to_read_ = false;  // the socket held more than the last receive took
  bool at_once_ = false;       // bytes have come in this turn, which need not be waited for
  bool ended_ = false;         // no byte will come any more, because of end_
  int end_ = 0;                // 0: the orderly end; else -errno
  std::size_t came_ = 0;       // bytes since read_ahead(): of one message
  std::size_t likely_ = 0;     // of the next, by the last
  Stash stash_;
  std::unique_ptr<Ahead> ahead_;
  AwaitedOperation direct_;  // its waiter also waits for ahead_
  DeadlineWheel::Entry read_deadline_;

  // Writing.
  Stop write_stop_ = Stop::none;
  bool writing_ = false;
  AwaitedOperation send_;
  DeadlineWheel::Entry write_deadline_;
};

}  // namespace lb::net
