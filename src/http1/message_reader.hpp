// What reading requests and reading responses have in common: a head, then a body, out of one buffer.
#pragma once

#include <algorithm>
#include <string_view>
#include <utility>

#include "http/h1_parser.hpp"
#include "http1/body_cutter.hpp"
#include "http1/settings.hpp"

namespace lb::http1 {

class MessageReader {
  struct Commit {
    net::InputBuffer& input;
    base::Result<void> operator()(const base::Result<std::size_t>& bytes) const {
      if (!bytes) return bytes.error();
      input.commit(*bytes);
      return {};
    }
  };

 public:
  // The pool and the settings outlive the reader.
  MessageReader(net::BlockPool& pool, http::HeadParser::Kind kind, const Settings& settings)
      : settings_(settings), input_(pool), parser_(kind, {}) {}

  // From now on it reads from this stream, which outlives that.
  void attach(net::Stream& stream) noexcept { stream_ = &stream; }
  // Forgets what was not read to its end, and gives the buffer back.
  void rest() noexcept {
    input_.reset();
    body_.begin({}, 0);
  }

  [[nodiscard]] net::InputBuffer& input() noexcept { return input_; }
  [[nodiscard]] BodyCutter& body() noexcept { return body_; }
  [[nodiscard]] const http::HeadParser& parser() const noexcept { return parser_; }
  // The head that read_head() has found, until consume_head().
  [[nodiscard]] std::string_view head_text() const noexcept { return input_.unread().substr(0, parser_.head_bytes()); }

  // Reads until the buffer holds a whole head. Errors: the parser's; the stream's (closed, reset, timeout, cancelled).
  // Awaited by its owner, who is alive meanwhile.
  [[nodiscard]] net::Awaitable<base::Result<void>> read_head(base::Deadline deadline, base::Side side) {
    parser_.reset({settings_.header_bytes, settings_.header_count});
    head_deadline_ = deadline;
    for (;;) {
      if (!input_.empty()) {
        const auto progress = parser_.feed(input_.unread());
        if (progress == http::HeadParser::Progress::complete) co_return base::Result<void>();
        if (progress == http::HeadParser::Progress::failed) {
          co_return base::Error{parser_.error().kind, side, parser_.error().detail};
        }
      }
      // The parser's own limit: the settings may have changed since the head began.
      const auto filled = co_await fill(parser_.limits().bytes + 1, head_deadline_);
      if (!filled) co_return filled.error();
    }
  }

  // Moves the deadline of the read_head() that pends: of all that is left of the head, however many reads that takes.
  void set_head_deadline(base::Deadline deadline) noexcept {
    head_deadline_ = deadline;
    stream_->set_read_deadline(deadline);
  }

  // Drops the head from the buffer, with every view into it.
  void consume_head() noexcept { input_.consume(parser_.head_bytes()); }

  // The next run of the body, waiting for it if need be; empty only at the end. Errors: malformed, header_too_large (of
  // trailers), closed (in mid-body), reset, timeout, cancelled.
  [[nodiscard]] net::Awaitable<base::Result<message::BodyRun>> read_body(base::Duration idle, base::Side side) {
    for (;;) {
      auto run = body_.take(input_);
      if (!run) co_return base::Error{run.error().kind, side, run.error().detail};
      if (run->bytes > 0 || run->end) co_return run;
      const auto filled = co_await fill(base::kSmallBlockBytes, stream_->wheel().after(idle));
      if (filled) continue;
      if (filled.error().kind == base::ErrorKind::closed && body_.end_of_input()) {
        run->end = true;
        co_return run;
      }
      co_return filled.error();
    }
  }

  // Reads what is there already behind what was read, so that one write passes on both. One read, as much as it gives:
  // whoever trickles must not hold up what came before.
  void read_at_hand() { input_.commit(stream_->read_at_hand(input_.up_to(base::kLargeBlockBytes))); }
  [[nodiscard]] bool may_read_at_hand() const noexcept {
    return stream_->more_at_hand() && input_.has_room() && input_.unread().size() < base::kLargeBlockBytes;
  }

  // One read into the buffer, which then holds at least one byte more.
  [[nodiscard]] net::Then<base::Result<std::size_t>, Commit> fill(std::size_t bytes_max, base::Deadline deadline) {
    return {stream_->read_some(input_.up_to(bytes_max), deadline), Commit{input_}};
  }

 private:
  net::Stream* stream_ = nullptr;
  const Settings& settings_;
  net::InputBuffer input_;
  http::HeadParser parser_;
  BodyCutter body_;
  base::Deadline head_deadline_ = base::kNever;
};

}  // namespace lb::http1
