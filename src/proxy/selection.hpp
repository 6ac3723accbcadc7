// Which backend gets the next attempt of a request.
#pragma once

#include "net/pause.hpp"
#include "proxy/context.hpp"
#include "proxy/recording.hpp"
#include "proxy/request.hpp"

namespace lb::proxy {

// One request's at a time; one worker.
class Selection {
 public:
  Selection(ExchangeContext& context, Request& request, Recording& recording) noexcept;

  // Another request.
  void reset() noexcept;

  // The next backend, if it is up and has room, without waiting: nearly always. It may take a permit of a backend with
  // a connection limit, until give_back() or the next call.
  [[nodiscard]] upstream::Pick next();
  // Where next() gave none, or one that is down: waits for what there is to wait for. None, with request.error set, if
  // the request has to do without. A client that leaves ends it.
  [[nodiscard]] net::Awaitable<upstream::Pick> wait_for(upstream::Pick pick);
  void give_back() noexcept { permit_.give_back(); }

  // The attempt there has failed: its turn comes again when all others have been tried.
  void note_tried(const upstream::Endpoint& endpoint) { request_.tried.push_back(endpoint.slot()); }
  // The last attempt found no descriptor: the next one waits for some.
  void note_starved(bool starved) noexcept { starved_ = starved; }
  // Whether a backend is left that was not tried, before any is tried again.
  [[nodiscard]] bool others_left();
  // When a connection to it has to stand.
  [[nodiscard]] base::Deadline connect_deadline(const upstream::Pick& pick) const noexcept;

 private:
  void use_newest_plan();
  [[nodiscard]] WaitQueue& queue() const noexcept;
  upstream::Pick pick_in_turn();
  upstream::Pick pick_for(const upstream::Seeker& seeker);
  [[nodiscard]] upstream::Seeker seeker(base::TimePoint now, upstream::PickScope scope) noexcept;
  upstream::Pick pick_pinned();
  net::Awaitable<upstream::Pick> wait_for_room();
  net::Awaitable<void> pause(base::Deadline until);
  void client_gone(base::ErrorKind how) noexcept;

  ExchangeContext& context_;
  Request& request_;
  Recording& recording_;
  Permit permit_;
  unsigned pauses_ = 0;
  bool starved_ = false;  // the process was out of descriptors
  bool last_resort_ = false;
  base::Deadline last_resort_deadline_ = base::kNever;
  net::Pause gate_;
};

}  // namespace lb::proxy
