// What the simulation (tests/sim) has found, each as the shortest story that shows it.
#include <string>

#include <gtest/gtest.h>

#include "support/memory_proxy.hpp"

namespace lb::proxy {
namespace {

using Answer = MemoryTransport::Answer;

// Goal: a backend that could not be reached uses up none of the forwarded exchanges. Before: two refused connections
// and one reset made three attempts, and the request failed although it was forwarded once and the fourth backend was
// well. Now: exchanges that were forwarded are counted on their own.
TEST(ProxyExchangeFound, refused_connections_use_up_no_forwarded_exchange) {
  Proxy proxy(4);
  proxy.transport.backend(0).answer = proxy.transport.backend(1).answer = Answer::refuse;
  MemoryStream& client = proxy.request(kGet);
  ASSERT_EQ(proxy.connections(2), 1U);
  proxy.transport.last(2).take();
  proxy.transport.last(2).abort();
  proxy.run();
  ASSERT_EQ(proxy.connections(3), 1U);
  proxy.answer(3, kOk);
  EXPECT_EQ(client.take(), kOk);
}

// Goal: however many backends refuse, a request is forwarded as often as the setting says and no more. Method: the
// counterpart of the test above: refusals among three forwarded exchanges.
TEST(ProxyExchangeFound, forwarded_exchanges_stay_bounded_among_refused_connections) {
  Proxy proxy(5);
  proxy.transport.backend(0).answer = Answer::refuse;
  MemoryStream& client = proxy.request(kGet);
  for (const std::size_t backend : {1U, 2U, 3U}) {
    ASSERT_EQ(proxy.connections(backend), 1U);
    proxy.transport.last(backend).take();
    proxy.transport.last(backend).abort();
    proxy.run();
  }
  EXPECT_EQ(proxy.connections(4), 0U);
  EXPECT_EQ(status_of_text(client.take()), "502");
}

// Goal: an answer that stops in the middle of its head is not awaited for ever. Before: where its reading began while
// the request's body was still on its way, only the read that pended got a deadline, not the next one. Now: all have
// it.
TEST(ProxyExchangeFound, a_head_that_stops_midway_times_out_although_the_body_was_still_flowing) {
  Proxy proxy(1);
  MemoryStream& client = proxy.request(kPost.substr(0, kPost.size() - 2));
  proxy.send(client, "dy");
  proxy.answer(0, "HTTP/1.1 200 O");
  proxy.pass(proxy.settings.first_response_byte_timeout + Duration(20));
  EXPECT_EQ(status_of_text(client.take()), "504");
}

// Goal: a pipelined request that arrives in the moment in which an answer ends is served. Before: the read that watched
// the client had just ended, cancelling it did nothing, and the next one was waited for. Now: there is no next one.
TEST(ProxyExchangeFound, a_request_that_arrives_as_the_watching_ends_is_served) {
  Proxy proxy(1);
  MemoryStream& client = proxy.request(kGet);
  proxy.pass(base::kAbortWatchDelay + Duration(20));
  EXPECT_NE(proxy.transport.last(0).take(), "");
  proxy.transport.last(0).put(kOk);
  proxy.run();
  EXPECT_EQ(client.take(), kOk);
  client.put(kGet);
  proxy.pass(base::kAbortWatchDelay + Duration(20));
  EXPECT_NE(proxy.transport.last(0).take(), "");
  // Both are on their way at once.
  proxy.transport.last(0).put(kOk);
  client.put(kGet);
  proxy.run();
  EXPECT_EQ(client.take(), kOk);
  EXPECT_NE(proxy.transport.last(0).take(), "");
}

// Goal: a line before one backend is none before another. Before: while somebody waited for a place, every new request
// joined the line, and was refused when that was full, although a backend without a limit had nothing to do.
TEST(ProxyExchangeFound, nobody_waits_behind_others_for_a_backend_that_has_room) {
  Proxy proxy(2);
  proxy.cluster.endpoint(0).configure(1, {});
  proxy.request(kGet);
  MemoryStream& waiting = proxy.request(kGet);
  ASSERT_EQ(proxy.connections(1), 1U);
  proxy.transport.last(1).take();
  proxy.transport.last(1).abort();
  proxy.run();
  EXPECT_EQ(waiting.take(), "") << "it has tried the one and waits for the other";
  MemoryStream& third = proxy.request(kGet);
  ASSERT_EQ(proxy.connections(1), 2U);
  proxy.answer(1, kOk);
  EXPECT_EQ(third.take(), kOk);
  proxy.answer(0, kOk);
  proxy.run();
  proxy.answer(0, kOk);
  EXPECT_EQ(waiting.take(), kOk);
}

}  // namespace
}  // namespace lb::proxy
