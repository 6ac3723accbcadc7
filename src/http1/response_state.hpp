// What a connection to a backend needs for an answer, beside itself: lent by its worker, so that one that idles has
// none, and what is used next is what was used last, however many connections there are.
#pragma once

#include <memory>
#include <utility>

#include "base/object_pool.hpp"
#include "http1/message_reader.hpp"
#include "http1/outgoing_body.hpp"

namespace lb::http1 {

struct ResponseState {
  ResponseState(net::BlockPool& blocks, const Settings& settings)
      : reader(blocks, http::HeadParser::Kind::response, settings) {}

  MessageReader reader;
  http::ResponseHead head;
  http::Framing framing;

  // Of the request.
  OutgoingBody request_body{http::BodyKind::none};
  net::BufferList buffers;  // of the write under way
};

// Those of one worker. The pool and the settings outlive it, and it outlives the connections.
class ResponseStates {
 public:
  ResponseStates(net::BlockPool& blocks, const Settings& settings, std::size_t kept_max = base::kPooledExchangesMax)
      : blocks_(blocks), settings_(settings), pooled_(kept_max) {}

  [[nodiscard]] const Settings& settings() const noexcept { return settings_; }

  [[nodiscard]] std::unique_ptr<ResponseState> lend(net::Stream& stream) {
    auto state = pooled_.take();
    if (!state) state = std::make_unique<ResponseState>(blocks_, settings_);
    state->reader.attach(stream);
    return state;
  }

  // While nothing reads.
  void give_back(std::unique_ptr<ResponseState> state) noexcept {
    state->reader.rest();
    pooled_.give_back(std::move(state));
  }

 private:
  net::BlockPool& blocks_;
  const Settings& settings_;
  base::ObjectPool<ResponseState> pooled_;
};

}  // namespace lb::http1
