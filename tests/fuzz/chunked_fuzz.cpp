// Chunked bodies: no crash, never beyond the end, the same body, trailers and verdict for any split.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "http/chunked.hpp"

using namespace lb;

namespace {

struct Decoded {
  std::string body;
  std::string trailers;
  bool ended = false;
  bool failed = false;
  std::size_t consumed = 0;

  friend bool operator==(const Decoded&, const Decoded&) = default;
};

Decoded decode(std::string_view text, std::size_t step) {
  http::ChunkedDecoder decoder;
  decoder.reset(16);
  Decoded result;
  for (std::size_t at = 0; at < text.size() && !result.ended && !result.failed;) {
    std::string_view piece = text.substr(at, step);
    at += piece.size();
    while (!piece.empty() && !result.ended) {
      const auto taken = decoder.next(piece);
      if (!taken) {
        result.failed = true;
        break;
      }
      if (taken->consumed > piece.size()) std::abort();
      if (taken->event != http::ChunkedDecoder::Event::end && taken->consumed == 0) std::abort();
      result.body.append(taken->data);
      result.consumed += taken->consumed;
      result.ended = taken->event == http::ChunkedDecoder::Event::end;
      piece.remove_prefix(taken->consumed);
    }
  }
  if (result.failed) result.consumed = 0;  // where in a piece the error stood does not matter
  if (result.ended) result.trailers = decoder.trailers();
  return result;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::size_t step = data[0] % 16 + 1U;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (!(decode(text, step) == decode(text, text.size()))) std::abort();
  return 0;
}
