#include "net/connector.hpp"

#include <optional>

#include <boost/asio/ip/tcp.hpp>
#include <gtest/gtest.h>

#include "support/manual_clock.hpp"
#include "support/on_worker.hpp"

namespace lb::net {
namespace {

// Goal: a connection that the kernel has made in time counts, although the thread looks only after the deadline, for it
// was held up. Before, a backend went down because of that. Method: the deadline passes between two turns of the loop.
TEST(TcpConnector, an_answer_that_is_there_counts_before_the_deadline) {
  test::ManualClock clock;
  Worker worker(clock);
  Tcp::acceptor acceptor(worker.io(), Tcp::endpoint(asio::ip::address_v4::loopback(), 0));
  TcpConnector connector(worker.executor(), worker.wheel());
  std::optional<base::Result<StreamPtr>> result;
  const base::Deadline deadline = worker.wheel().after(base::Duration(100));
  worker.tasks().spawn(test::keep_result(connector.connect(acceptor.local_endpoint(), deadline, {}), result));
  worker.io().run_one();
  ASSERT_FALSE(result);
  clock.turn(base::Duration(60'000));
  worker.wheel().advance();
  for (int turn = 0; !result && turn < 2'000; ++turn) test::turn_loop(worker);
  ASSERT_TRUE(result);
  EXPECT_TRUE(*result) << result->error().detail;
}

}  // namespace
}  // namespace lb::net
