// What a client connection needs for a request, beside itself: lent by its worker, so that one that idles has none.
#pragma once

#include <memory>
#include <string>

#include "base/object_pool.hpp"
#include "http1/message_reader.hpp"
#include "http1/outgoing_body.hpp"
#include "message/incoming.hpp"
#include "net/child_task.hpp"

namespace lb::http1 {

class ServerConnection;

struct RequestState {
  RequestState(net::DeadlineWheel& wheel, net::Executor executor, net::BlockPool& blocks, const Settings& settings);

  void begin_watching() noexcept;

  ServerConnection* connection = nullptr;  // that it is lent to
  MessageReader reader;
  http::RequestHead head;
  http::Framing framing;
  http::ConnectionOptions options;
  std::uint64_t body_bytes = 0;  // for the limit

  net::DeadlineWheel::Entry watch_entry;
  net::ChildTask watcher;
  message::Incoming::OnGone on_gone;

  // Of the answer.
  std::string answer_head;  // until it has left
  OutgoingBody answer_body{http::BodyKind::none};
  http::BodyKind answer_kind = http::BodyKind::none;
  net::BufferList buffers;  // of the write under way
};

// Those of one worker. The pool, the settings, and the wheel of the streams outlive it.
class RequestStates {
 public:
  RequestStates(net::BlockPool& blocks, const Settings& settings) : blocks_(blocks), settings_(settings) {}

  [[nodiscard]] const Settings& settings() const noexcept { return settings_; }

  [[nodiscard]] std::unique_ptr<RequestState> lend(net::Stream& stream, ServerConnection& connection) {
    auto state = pooled_.take();
    if (!state) state = std::make_unique<RequestState>(stream.wheel(), stream.executor(), blocks_, settings_);
    state->connection = &connection;
    state->reader.attach(stream);
    return state;
  }

  // While nothing reads.
  void give_back(std::unique_ptr<RequestState> state) noexcept {
    LB_CHECK(!state->watcher.running());
    state->on_gone = {};
    state->answer_head.clear();
    state->reader.rest();
    pooled_.give_back(std::move(state));
  }

 private:
  net::BlockPool& blocks_;
  const Settings& settings_;
  base::ObjectPool<RequestState> pooled_{base::kPooledExchangesMax};
};

}  // namespace lb::http1
