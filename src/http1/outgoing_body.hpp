// Frames runs of a body for writing (RFC 9112 sections 6 and 7), without copying them.
#pragma once

#include <array>
#include <string_view>

#include "http/chunked.hpp"
#include "message/body_run.hpp"

namespace lb::http1 {

class OutgoingBody {
 public:
  explicit OutgoingBody(http::BodyKind kind) noexcept : kind_(kind) {}

  // Appends to `out` what stands for `run` on the connection: for chunked one chunk of all its pieces and, at the end,
  // the last chunk with `trailers`. The buffers point into the run, the trailers and this object, until the next call.
  void append(const message::BodyRun& run, std::string_view trailers, net::BufferList& out) {
    const bool chunked = kind_ == http::BodyKind::chunked;
    if (run.bytes > 0) {
      if (chunked) {
        const std::string_view line = http::chunk_size_line(run.bytes, size_line_);
        out.emplace_back(line.data(), line.size());
      }
      for (const net::asio::const_buffer& piece : run.pieces) out.push_back(piece);
      if (chunked && !run.end) out.emplace_back("\r\n", 2);
    }
    if (chunked && run.end) {
      static constexpr std::string_view kLast = "\r\n0\r\n";
      const std::string_view last = run.bytes > 0 ? kLast : kLast.substr(2);
      out.emplace_back(last.data(), last.size());
      if (!trailers.empty()) out.emplace_back(trailers.data(), trailers.size());
      out.emplace_back("\r\n", 2);
    }
  }

 private:
  http::BodyKind kind_;
  std::array<char, 20> size_line_{};
};

// Size line, pieces, end of chunk or last chunk, trailers, end; with two buffers of a head before them.
static_assert(message::BodyRun::kPiecesMax + 1 + 3 + 2 <= net::kGatherMax);

}  // namespace lb::http1
