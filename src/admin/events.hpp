// GET /events: the status and the notable requests as they come, once a second (text/event-stream).
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "admin/control.hpp"
#include "admin/history.hpp"
#include "admin/message.hpp"
#include "admin/response_stream.hpp"

namespace lb::admin {

// What all listeners are told, made once a second for all of them: by whichever looks first. While nobody listens
// nothing is made. Control thread.
class EventFeed {
 public:
  // What one listener has been told already.
  struct Told {
    std::uint64_t status = 0;
    std::uint64_t request = 0;
  };

  explicit EventFeed(Control& control) : control_(control) {}
  EventFeed(const EventFeed&) = delete;
  EventFeed& operator=(const EventFeed&) = delete;

  [[nodiscard]] bool due() const noexcept { return !busy_ && now() >= due_; }
  // When it is due: makes the next events. The status is there before this waits for what the workers have to tell.
  [[nodiscard]] net::Awaitable<void> refresh();
  // When to look again.
  [[nodiscard]] base::Deadline next_look() const noexcept;
  // The events that this listener does not know yet, in their own format; empty: none. One who was slow misses what is
  // not kept any more. The listeners share them: a slow one holds no copy of its own.
  using Text = std::shared_ptr<const std::string>;
  [[nodiscard]] std::vector<Text> news(Told& told) const;

  // For one who has been told nothing yet: the points before the newest status, which it is told of next.
  [[nodiscard]] const History& history() const noexcept { return history_; }

 private:
  struct RequestEvent {
    std::uint64_t number = 0;
    Text text;
  };

  [[nodiscard]] base::TimePoint now() const noexcept { return control_.worker().wheel().now(); }
  void refresh_status();
  net::Awaitable<void> refresh_requests();

  Control& control_;
  base::TimePoint due_{};
  base::TimePoint refreshed_{};
  bool busy_ = false;
  std::optional<Snapshot> before_;
  std::uint64_t status_number_ = 0;
  Text status_;
  History history_;
  std::vector<std::uint64_t> asked_;  // by worker: its newest request that is known
  std::uint64_t request_number_ = 0;
  std::deque<RequestEvent> requests_;
};

// Events "history", of which each tells of the server or of some backends.
[[nodiscard]] net::Awaitable<void> tell_history(const History& history, ResponseStream& outlet);

// The route. Until the client leaves, the server stops or its token changes.
[[nodiscard]] net::Awaitable<void> stream_events(Control& control, const Request& request, ResponseStream& outlet);

}  // namespace lb::admin
