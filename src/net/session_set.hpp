// The client connections of one worker, so that stopping can reach them.
#pragma once

#include <boost/intrusive/list.hpp>

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
  // Ends it if it waits for a request and none is arriving, to make way for another connection. False: it goes on.
  virtual bool make_way() noexcept = 0;
};

// One thread.
class SessionSet {
 public:
  void add(Session& session) { sessions_.push_back(session); }

  // The session begins to wait for a request: it is the last that will have to make way.
  void note_idle(Session& session) noexcept {
    session.unlink();
    sessions_.push_back(session);
  }
  // The session that has idled longest makes way. False: none idles. Those that are busy move behind the others, so
  // that a crowd of long transfers is not looked through again each time.
  bool make_room() noexcept {
    const Session* first = nullptr;
    while (!sessions_.empty() && &sessions_.front() != first) {
      Session& session = sessions_.front();
      if (first == nullptr) first = &session;
      note_idle(session);
      if (session.make_way()) return true;
    }
    return false;
  }

  void drain() noexcept {
    draining_ = true;
    for (Session& session : sessions_) session.drain();
  }
  void abort() noexcept {
    draining_ = true;
    for (Session& session : sessions_) session.abort();
  }
  // True once stopping has begun: answers say Connection: close.
  [[nodiscard]] bool draining() const noexcept { return draining_; }

 private:
  boost::intrusive::list<Session, boost::intrusive::constant_time_size<false>> sessions_;
  bool draining_ = false;
};

}  // namespace lb::net
