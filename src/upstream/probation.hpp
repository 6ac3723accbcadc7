// Connections to backends that may still say something unasked.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "upstream/cluster.hpp"
#include "upstream/pool.hpp"

namespace lb::upstream {

// Some backends send a body behind an answer to HEAD all the same (RFC 9112 section 6.3: there is none), and perhaps
// late: on a connection that was kept it would be the answer to somebody else's next request. So such a connection
// waits for kProbationTime before it goes to the pool, and is closed if anything came meanwhile. A backend that has
// kept silent kProbationsPassed times is trusted: its connections go to the pool at once, but for a sample that goes on
// being watched. One that has spoken once never is.
//
// One worker's.
template <net::Stream S>
class Probation {
 public:
  using Connection = typename Pool<S>::Connection;

  // The pool outlives it.
  Probation(net::DeadlineWheel& wheel, Pool<S>& pool)
      : wheel_(wheel), pool_(pool), due_(wheel, &Probation::end_due, this) {}

  // `members` keep the endpoint. The connection's exchange has ended well, but for what may follow.
  void put(const MembersPtr& members, const Endpoint& endpoint, std::unique_ptr<Connection> connection,
           std::uint32_t address) {
    Conduct& conduct = conduct_of(endpoint);
    const bool trusted = !conduct.spoke && conduct.silent >= base::kProbationsPassed;
    if (trusted && ++conduct.trusted % base::kProbationSample != 0)
      return pool_.put(endpoint, std::move(connection), address);
    if (closed_ || waiting_.size() >= base::kProbationsMax) return;  // closes it
    connection->rest();
    connection->stream().read_ahead();
    waiting_.push_back({members, &endpoint, std::move(connection), address, wheel_.after(base::kProbationTime)});
    if (waiting_.size() == 1) due_.arm(waiting_.front().until);
  }

  // Closes those that wait, and lets none wait from now on.
  void close() noexcept {
    closed_ = true;
    waiting_.clear();
  }

 private:
  struct Waiting {
    MembersPtr members;
    const Endpoint* endpoint;
    std::unique_ptr<Connection> connection;
    std::uint32_t address;
    base::Deadline until;
  };
  // Of the endpoint whose slot it is.
  struct Conduct {
    std::string endpoint;
    unsigned silent = 0;
    unsigned trusted = 0;
    bool spoke = false;
  };

  Conduct& conduct_of(const Endpoint& endpoint) {
    if (endpoint.slot() >= conducts_.size()) conducts_.resize(endpoint.slot() + 1);
    Conduct& conduct = conducts_[endpoint.slot()];
    if (conduct.endpoint != endpoint.url()) conduct = {.endpoint = endpoint.url()};
    return conduct;
  }

  static void end_due(void* self) noexcept { static_cast<Probation*>(self)->end_due(); }

  // All wait equally long: those in front came first.
  void end_due() noexcept {
    while (!waiting_.empty() && waiting_.front().until <= wheel_.now()) {
      Waiting one = std::move(waiting_.front());
      waiting_.pop_front();
      Conduct& conduct = conduct_of(*one.endpoint);
      const net::Probe found = one.connection->stream().probe();
      if (found == net::Probe::readable) conduct.spoke = true;
      if (found != net::Probe::quiet) continue;
      ++conduct.silent;
      pool_.put(*one.endpoint, std::move(one.connection), one.address);
    }
    if (!waiting_.empty()) due_.arm(waiting_.front().until);
  }

  net::DeadlineWheel& wheel_;
  Pool<S>& pool_;
  std::deque<Waiting> waiting_;
  std::vector<Conduct> conducts_;  // by slot
  net::DeadlineWheel::Entry due_;
  bool closed_ = false;
};

}  // namespace lb::upstream
