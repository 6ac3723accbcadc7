// Connections to backends that may still say something unasked.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "upstream/endpoint.hpp"
#include "upstream/pool.hpp"

namespace lb::upstream {

// Some backends send a body behind an answer to HEAD all the same (RFC 9112 section 6.3: there is none), and perhaps
// late: on a connection that was kept it would be the answer to somebody else's next request. So such a connection
// waits for kProbationTime before it goes to the pool, and is closed if anything came meanwhile. A backend that has
// kept silent kProbationsPassed times is trusted: its connections go to the pool at once, but for a sample that goes on
// being watched. One that has spoken once never is.
//
// One worker's.
class Probation {
 public:
  using Connection = Pool::Connection;

  // The pool outlives it.
  Probation(net::DeadlineWheel& wheel, Pool& pool)
      : wheel_(wheel), pool_(pool), due_(wheel, net::DeadlineWheel::Fire::to<&Probation::end_due>(*this)) {}

  // `keeper` keeps the endpoint. The connection's exchange has ended well, but for what may follow.
  void put(std::shared_ptr<const void> keeper, const Endpoint& endpoint, std::unique_ptr<Connection> connection,
           std::uint32_t address, const PoolSettings& settings);

  // Closes those that wait, and lets none wait from now on.
  void close() noexcept {
    closed_ = true;
    waiting_.clear();
  }

 private:
  struct Waiting {
    std::shared_ptr<const void> keeper;
    const Endpoint* endpoint;
    std::unique_ptr<Connection> connection;
    std::uint32_t address;
    PoolSettings settings;
    base::Deadline until;
  };
  // Of the endpoint whose slot it is.
  struct Conduct {
    std::string endpoint;
    unsigned silent = 0;
    unsigned trusted = 0;
    bool spoke = false;
  };

  Conduct& conduct_of(const Endpoint& endpoint);

  // All wait equally long: those in front came first.
  void end_due() noexcept;

  net::DeadlineWheel& wheel_;
  Pool& pool_;
  std::deque<Waiting> waiting_;
  std::vector<Conduct> conducts_;  // by slot
  net::DeadlineWheel::Entry due_;
  bool closed_ = false;
};

}  // namespace lb::upstream
