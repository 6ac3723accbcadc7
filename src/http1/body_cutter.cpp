#include "http1/body_cutter.hpp"

#include <algorithm>

#include "base/check.hpp"

namespace lb::http1 {

using message::BodyRun;
using net::InputBuffer;

void BodyCutter::begin(const http::Framing& framing, std::size_t trailer_count_max) noexcept {
  framing_ = framing;
  ended_ = framing.kind == http::BodyKind::none;
  // Always: the trailers of one message must never stand behind another.
  chunked_.reset(trailer_count_max, framing.sender);
}

void BodyCutter::pass(std::uint64_t bytes) noexcept {
  LB_CHECK(bytes <= bytes_left());
  framing_.length -= bytes;
  ended_ = ended_ || framing_.length == 0;
}

base::Result<BodyRun> BodyCutter::take(InputBuffer& input) {
  BodyRun run;
  if (!ended_ && framing_.kind == http::BodyKind::chunked) return take_chunked(input);
  if (!ended_ && !input.empty()) {
    const std::string_view unread = input.unread();
    run.bytes = unread.size();
    if (framing_.kind == http::BodyKind::length) {
      run.bytes = static_cast<std::size_t>(std::min<std::uint64_t>(framing_.length, unread.size()));
      framing_.length -= run.bytes;
      ended_ = framing_.length == 0;
    }
    run.pieces.emplace_back(unread.data(), run.bytes);
    input.consume(run.bytes);
  }
  run.end = ended_;
  return run;
}

base::Result<BodyRun> BodyCutter::take_chunked(InputBuffer& input) {
  BodyRun run;
  while (!input.empty() && run.pieces.size() < BodyRun::kPiecesMax && !ended_) {
    const auto step = chunked_.next(input.unread());
    if (!step) return step.error();
    if (!step->data.empty()) {
      run.pieces.emplace_back(step->data.data(), step->data.size());
      run.bytes += step->data.size();
    }
    ended_ = step->event == http::ChunkedDecoder::Event::end;
    input.consume(step->consumed);
  }
  run.end = ended_;
  return run;
}

bool BodyCutter::end_of_input() noexcept {
  if (framing_.kind != http::BodyKind::until_close || ended_) return ended_;
  ended_ = true;
  return true;
}

}  // namespace lb::http1
