// A net::Stream in memory, and the small world it lives in: an event loop run by hand and a clock that is
// turned by hand, so that no test waits for anything. It bites where TCP does: reads come in slices, a pipe takes only
// so much, a connection that is closed with bytes unread is reset, and what is written to a peer that has closed is
// lost before the reset comes back.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <boost/asio/post.hpp>

#include "net/block_pool.hpp"
#include "net/event.hpp"
#include "net/session_set.hpp"
#include "net/stream.hpp"
#include "net/task_group.hpp"
#include "support/manual_clock.hpp"

namespace lb::test {

// What a worker has, without a thread and without time.
struct World {
  // Runs everything that can run without time passing.
  void run() {
    io.restart();
    io.poll();
  }
  // Lets time pass, as a worker sees it.
  void pass(base::Duration time) {
    run();
    for (base::Duration left = time; left > base::Duration(0); left -= base::kWheelTick) {
      clock.turn(std::min(left, base::kWheelTick));
      wheel.advance();
      run();
    }
  }

  ManualClock clock;
  net::asio::io_context io{1};
  net::DeadlineWheel wheel{clock};
  net::BlockPool blocks;
  net::SessionSet sessions;
  net::TaskGroup tasks{io.get_executor()};
};

class MemoryStream final : public net::Stream {
 public:
  enum class End : std::uint8_t { closed, truncated, reset };

  struct Options {
    std::size_t read_slice = SIZE_MAX;  // bytes that one read gives at most
    std::size_t capacity = 64 * 1024;   // bytes on their way in each direction
    bool reads_ahead = true;            // as io_uring's do, or not, as Asio's
  };

  // Sees what is written to one end, and may act on the other end before it arrives there: the races of a network.
  class Observer {
   public:
    Observer() = default;
    Observer(const Observer&) = delete;
    Observer& operator=(const Observer&) = delete;
    virtual ~Observer() = default;

    // Some of `bytes` are about to leave.
    virtual void before_write(std::string_view bytes) = 0;
    // These have left, whether or not anybody will ever read them.
    virtual void wrote(std::string_view bytes) = 0;
    // The end that was observed is destroyed.
    virtual void gone() = 0;
  };

  using Pair = std::pair<std::unique_ptr<MemoryStream>, std::unique_ptr<MemoryStream>>;

  // Two connected ends. `side` is stamped on the errors of the first.
  static Pair connected(World& world, base::Side side, Options options) {
    const auto there = std::make_shared<Pipe>(options.capacity);
    const auto back = std::make_shared<Pipe>(options.capacity);
    Pair pair{new MemoryStream(world, side, options, back, there),
              new MemoryStream(world, base::Side::internal, options, there, back)};
    return pair;
  }
  ~MemoryStream() override {
    close();
    if (observer_ != nullptr) observer_->gone();
    LB_CHECK(!read_.pending && !write_.pending);
    in_->reader = nullptr;
    out_->writer = nullptr;
  }

  // The Stream.
  using net::Stream::write;
  [[nodiscard]] net::Awaitable<base::Result<std::size_t>> read_some(net::ReadBuffer& into,
                                                                    base::Deadline deadline) override {
    begin(read_, deadline);
    while (!readable() && read_.stop == Stop::none && !closed_) {
      options_.reads_ahead ? into.release() : static_cast<void>(into.prepare(0));
      co_await wait(read_);
    }
    const auto error = finish(read_);
    if (error) co_return *error;
    if (in_->bytes.empty()) co_return end_of_input();
    const std::size_t bytes = take_into(into);
    // Completes through the event loop, as a socket does.
    read_.pending = read_.ready = true;
    co_await net::asio::post(executor_, net::asio::deferred);
    read_.pending = read_.ready = false;
    co_return bytes;
  }

  [[nodiscard]] bool more_at_hand() const noexcept override { return !closed_ && !in_->bytes.empty(); }
  [[nodiscard]] std::size_t read_at_hand(net::ReadBuffer& into) override {
    LB_CHECK(!read_.pending);
    if (!more_at_hand()) return 0;
    return take_into(into);
  }

  [[nodiscard]] net::Awaitable<base::Result<void>> wait_readable(base::Deadline deadline) override {
    begin(read_, deadline);
    while (!readable() && read_.stop == Stop::none && !closed_) co_await wait(read_);
    const auto error = finish(read_);
    if (error) co_return *error;
    co_return base::Result<void>();
  }

  [[nodiscard]] net::Awaitable<base::Result<void>> write(const net::BufferList& from, base::Duration idle,
                                                         net::Next /*next*/) override {
    begin(write_, base::kNever);
    for (const net::asio::const_buffer& buffer : from) {
      std::string_view rest(static_cast<const char*>(buffer.data()), buffer.size());
      while (!rest.empty() && write_.stop == Stop::none && !closed_) {
        if (out_->reset || shut_) {
          static_cast<void>(finish(write_));
          co_return base::Error{base::ErrorKind::reset, side_, "connection reset"};
        }
        const std::size_t taken = transfer(rest);
        rest.remove_prefix(taken);
        if (taken > 0) continue;
        write_.deadline.arm(wheel_.after(idle));
        co_await wait(write_);
      }
    }
    const auto error = finish(write_);
    if (error) co_return *error;
    co_return base::Result<void>();
  }

  void set_read_deadline(base::Deadline deadline) noexcept override {
    if (read_.pending) read_.deadline.arm(deadline);
  }
  void cancel_read() noexcept override { stop(read_, Stop::cancelled); }
  void cancel_write() noexcept override { stop(write_, Stop::cancelled); }

  bool read_ahead() noexcept override { return options_.reads_ahead; }
  [[nodiscard]] net::Probe noticed() noexcept override { return probe(); }
  [[nodiscard]] net::Probe probe() noexcept override {
    if (closed_) return net::Probe::closed;
    if (!in_->bytes.empty()) return net::Probe::readable;
    return in_->ended || in_->reset ? net::Probe::closed : net::Probe::quiet;
  }

  [[nodiscard]] net::Awaitable<base::Result<void>> shutdown_send(base::Duration /*idle*/) override {
    end_output();
    co_return base::Result<void>();
  }
  // With bytes unread, TCP resets the connection, and what is on its way to the peer is lost.
  void close() noexcept override { close_with(in_->bytes.empty() ? End::closed : End::reset); }
  void abort() noexcept override { close_with(End::reset); }

  // From now on; it outlives the stream.
  void observe(Observer& observer) noexcept { observer_ = &observer; }

  // For scripted peers, which act between two runs of the event loop.

  // Nothing follows what was sent.
  void end_output() noexcept {
    if (closed_) return;
    shut_ = true;
    out_->end(End::closed);
  }
  // Sends what fits; returns how much that was.
  std::size_t put(std::string_view bytes) { return transfer(bytes); }
  // Everything that has arrived.
  std::string take() {
    std::string bytes = std::exchange(in_->bytes, {});
    in_->count_read(bytes.size());
    if (in_->writer != nullptr) in_->writer->notify(in_->writer->write_);
    return bytes;
  }
  // The same without a look at it.
  void drop() {
    in_->count_read(in_->bytes.size());
    in_->bytes.clear();
    if (in_->writer != nullptr) in_->writer->notify(in_->writer->write_);
  }
  [[nodiscard]] const std::string& arrived() const noexcept { return in_->bytes; }
  // How the peer has ended its direction, if it has.
  [[nodiscard]] std::optional<End> peer_end() const noexcept {
    if (in_->reset) return End::reset;
    return in_->ended ? std::optional(End::closed) : std::nullopt;
  }
  [[nodiscard]] bool closed() const noexcept { return closed_; }
  // After `bytes` more were read from this end, its input ends so.
  void fail_after_reading(std::size_t bytes, End how) noexcept {
    in_->fail_in = bytes;
    in_->fail_how = how;
    in_->count_read(0);
  }
  void set_read_slice(std::size_t bytes) noexcept { options_.read_slice = bytes; }

 private:
  enum class Stop : std::uint8_t { none, cancelled, expired };

  struct Direction {
    Direction(MemoryStream& stream, net::DeadlineWheel::Fire fire)
        : deadline(stream.wheel_, fire), event(stream.executor_) {}
    net::DeadlineWheel::Entry deadline;
    net::Event event;
    Stop stop = Stop::none;
    bool pending = false;
    bool ready = false;  // there is something: what is cancelled from now on comes too late
  };

  // One direction of the connection.
  struct Pipe {
    explicit Pipe(std::size_t bytes_max) : capacity(bytes_max) {}

    void end(End how) noexcept {
      ended = true;
      truncated = how == End::truncated;
      if (how == End::reset) {
        reset = true;
        bytes.clear();
      }
      if (reader != nullptr) reader->notify(reader->read_);
      if (writer != nullptr) writer->notify(writer->write_);
    }
    void count_read(std::size_t count) noexcept {
      if (!fail_in) return;
      *fail_in -= std::min(*fail_in, count);
      if (*fail_in > 0) return;
      fail_in.reset();
      bytes.clear();
      end(fail_how);
    }

    std::string bytes;
    std::size_t capacity;
    bool ended = false;      // nothing follows
    bool truncated = false;  // without having said so
    bool reset = false;
    MemoryStream* reader = nullptr;
    MemoryStream* writer = nullptr;
    std::optional<std::size_t> fail_in;
    End fail_how = End::closed;
  };

  MemoryStream(World& world, base::Side side, Options options, std::shared_ptr<Pipe> in, std::shared_ptr<Pipe> out)
      : Stream(world.io.get_executor(), world.wheel, side),
        options_(options),
        in_(std::move(in)),
        out_(std::move(out)),
        read_(*this, net::DeadlineWheel::Fire::to<&MemoryStream::read_expired>(*this)),
        write_(*this, net::DeadlineWheel::Fire::to<&MemoryStream::write_expired>(*this)) {
    in_->reader = this;
    out_->writer = this;
  }

  [[nodiscard]] bool readable() const noexcept { return !in_->bytes.empty() || in_->ended || in_->reset; }
  [[nodiscard]] base::Error end_of_input() const noexcept {
    if (in_->reset) return {base::ErrorKind::reset, side_, "connection reset"};
    if (in_->truncated) return {base::ErrorKind::truncated, side_, "connection truncated"};
    return {base::ErrorKind::closed, side_, "connection closed"};
  }

  std::size_t take_into(net::ReadBuffer& into) {
    const net::asio::mutable_buffer room = into.prepare(0);
    const std::size_t bytes = std::min({room.size(), options_.read_slice, in_->bytes.size()});
    std::memcpy(room.data(), in_->bytes.data(), bytes);
    in_->bytes.erase(0, bytes);
    in_->count_read(bytes);
    if (in_->writer != nullptr) in_->writer->notify(in_->writer->write_);
    return bytes;
  }

  std::size_t transfer(std::string_view bytes) {
    if (observer_ != nullptr && !bytes.empty()) observer_->before_write(bytes);
    if (bytes.empty() || out_->reset || closed_) return 0;
    const std::size_t taken = transfer_to_peer(bytes);
    if (observer_ != nullptr && taken > 0) observer_->wrote(bytes.substr(0, taken));
    return taken;
  }

  std::size_t transfer_to_peer(std::string_view bytes) {
    if (out_->reader == nullptr || out_->reader->closed_ || out_->ended) {
      // Nobody reads any more: the bytes leave all the same, and a reset comes back.
      bytes_written_ += bytes.size();
      out_->reset = true;
      in_->end(End::reset);
      return bytes.size();
    }
    const std::size_t taken = std::min(bytes.size(), out_->capacity - std::min(out_->capacity, out_->bytes.size()));
    out_->bytes.append(bytes.substr(0, taken));
    bytes_written_ += taken;
    if (taken > 0) out_->reader->notify(out_->reader->read_);
    return taken;
  }

  void begin(Direction& direction, base::Deadline deadline) noexcept {
    LB_CHECK(!direction.pending);
    direction.pending = true;
    direction.ready = false;
    direction.stop = Stop::none;
    direction.event.reset();
    direction.deadline.arm(deadline);
  }

  net::Awaitable<void> wait(Direction& direction) {
    direction.ready = false;
    co_await direction.event.wait();
    direction.event.reset();
  }

  // Ends the operation; the error that stopped it, if one did.
  std::optional<base::Error> finish(Direction& direction) noexcept {
    direction.pending = false;
    direction.deadline.disarm();
    if (direction.stop == Stop::expired) return base::Error{base::ErrorKind::timeout, side_, "timed out"};
    if (direction.stop == Stop::cancelled || closed_)
      return base::Error{base::ErrorKind::cancelled, side_, "cancelled"};
    return std::nullopt;
  }

  void notify(Direction& direction) noexcept {
    if (!direction.pending || direction.ready || direction.stop != Stop::none) return;
    direction.ready = true;
    direction.event.set();
  }

  void stop(Direction& direction, Stop why) noexcept {
    if (!direction.pending || direction.ready || direction.stop != Stop::none) return;
    direction.stop = why;
    direction.event.set();
  }

  void read_expired() noexcept { stop(read_, Stop::expired); }
  void write_expired() noexcept { stop(write_, Stop::expired); }

  void close_with(End how) noexcept {
    if (closed_) return;
    stop(read_, Stop::cancelled);
    stop(write_, Stop::cancelled);
    closed_ = true;
    if (how == End::reset || !out_->ended) out_->end(how);
    if (how == End::reset) in_->end(End::reset);
    in_->bytes.clear();
    if (in_->writer != nullptr) in_->writer->notify(in_->writer->write_);
  }

  Options options_;
  std::shared_ptr<Pipe> in_;
  std::shared_ptr<Pipe> out_;
  Direction read_;
  Direction write_;
  Observer* observer_ = nullptr;
  bool closed_ = false;
  bool shut_ = false;
};

}  // namespace lb::test
