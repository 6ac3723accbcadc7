// The client connections of one worker, so that stopping can reach them.
#pragma once

#include <atomic>
#include <cstddef>
#include <utility>

#include <boost/intrusive/list.hpp>

#include "base/limits.hpp"

namespace lb::net {

// A client connection as shutdown sees it. Linked while it lives.
class Session : public boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
 public:
  Session() = default;
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  virtual ~Session() = default;

  // Ends the connection if no request is in flight on it; otherwise its current answer is its last one.
  virtual void drain() noexcept = 0;
  // Ends it now, whatever is in flight.
  virtual void abort() noexcept = 0;
  // It idles, and ends to make way for another connection. False: a request is arriving, and it goes on.
  virtual bool make_way() noexcept = 0;

  // Whether it waits for a request, as the set was told.
  [[nodiscard]] bool idles() const noexcept { return idles_; }

 private:
  friend class SessionSet;
  bool idles_ = false;
};

// One thread, but for idle().
class SessionSet {
 public:
  // Busy, until it says that it idles.
  void add(Session& session) { busy_.push_back(session); }
  // It begins to wait for a request: of all that idle it is the last to make way.
  void note_idle(Session& session) noexcept {
    session.unlink();
    idle_.push_back(session);
    if (!std::exchange(session.idles_, true)) idle_count_.store(idle() + 1, std::memory_order_relaxed);
  }
  // It waits no longer.
  void note_busy(Session& session) noexcept {
    if (!std::exchange(session.idles_, false)) return;
    session.unlink();
    busy_.push_back(session);
    idle_count_.store(idle() - 1, std::memory_order_relaxed);
  }
  // How many idle. Any thread.
  [[nodiscard]] std::size_t idle() const noexcept { return idle_count_.load(std::memory_order_relaxed); }

  // The session that has idled longest makes way. False: none does. Asks a few, for those whose request is just
  // arriving do not, and each has to look at its socket.
  bool make_room() noexcept {
    std::size_t asked = 0;
    for (Session& session : idle_) {
      if (session.make_way()) {
        note_busy(session);  // with its end
        return true;
      }
      if (++asked == base::kMakeWayAskedMax) break;
    }
    return false;
  }

  void drain() noexcept {
    draining_ = true;
    for (Sessions* sessions : {&idle_, &busy_}) {
      for (Session& session : *sessions) session.drain();
    }
  }
  void abort() noexcept {
    draining_ = true;
    for (Sessions* sessions : {&idle_, &busy_}) {
      for (Session& session : *sessions) session.abort();
    }
  }
  // True once stopping has begun: answers say Connection: close.
  [[nodiscard]] bool draining() const noexcept { return draining_; }

 private:
  using Sessions = boost::intrusive::list<Session, boost::intrusive::constant_time_size<false>>;

  Sessions idle_;  // the one that has idled longest in front
  Sessions busy_;
  std::atomic<std::size_t> idle_count_{0};  // this thread alone writes it
  bool draining_ = false;
};

}  // namespace lb::net
