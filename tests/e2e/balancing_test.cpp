// Which backend gets which request while all is well.
#include <algorithm>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "support/balancer.hpp"

namespace lb::e2e {
namespace {

using namespace lb::support;  // NOLINT(google-build-using-namespace): the vocabulary of these tests

// Goal: two backends take turns, exactly. Method: each request on a connection of its own, as curl in a loop does.
TEST(Balancing, alternates_exactly_over_sequential_requests) {
  ScriptedBackend a(always(ok("a")));
  ScriptedBackend b(always(ok("b")));
  Balancer balancer({.backends = {&a, &b}});
  std::string answers;
  for (int i = 0; i < 20; ++i) answers += ask_once(balancer, get()).body;
  EXPECT_EQ(answers, "abababababababababab");
}

// Goal: a kept connection does not tie its client to one backend, nor do pooled connections upset the order. Method: as
// above on one connection; then the connections that the backends saw are counted.
TEST(Balancing, alternates_exactly_on_a_kept_connection_and_reuses_upstream_connections) {
  ScriptedBackend a(always(ok("a")));
  ScriptedBackend b(always(ok("b")));
  Balancer balancer({.backends = {&a, &b}});
  Client client(balancer);
  std::string answers;
  for (int i = 0; i < 20; ++i) answers += client.ask(get()).body;
  EXPECT_EQ(answers, "abababababababababab");
  EXPECT_EQ(a.connections(), 1U);
  EXPECT_EQ(b.connections(), 1U);
}

// Goal: the order is one for all workers. Method: connections one after the other, which the kernel spreads over four
// workers; a turn of its own for each worker would show as two equal answers in a row.
TEST(Balancing, alternates_exactly_across_four_workers) {
  ScriptedBackend a(always(ok("a")));
  ScriptedBackend b(always(ok("b")));
  Balancer balancer({.backends = {&a, &b}, .threads = 4});
  std::string answers;
  std::string expected;
  for (int i = 0; i < 32; ++i) {
    answers += ask_once(balancer, get()).body;
    expected += i % 2 == 0 ? "a" : "b";
  }
  EXPECT_EQ(answers, expected);
}

// Goal: weights are shares, and the heavier backend's turns are spread. Method: 40 requests at 3:1; within each four in
// a row the light one has exactly one.
TEST(Balancing, shares_by_weight) {
  ScriptedBackend heavy(always(ok("h")));
  ScriptedBackend light(always(ok("l")));
  Balancer balancer({.backends = {&heavy, &light}, .weights = {3, 1}});
  Client client(balancer);
  for (int round = 0; round < 10; ++round) {
    std::string four;
    for (int i = 0; i < 4; ++i) four += client.ask(get()).body;
    EXPECT_EQ(std::count(four.begin(), four.end(), 'l'), 1) << four;
  }
  EXPECT_EQ(heavy.request_count(), 30U);
  EXPECT_EQ(light.request_count(), 10U);
}

// Goal: with one backend, everything goes there. Method: the least setup there is, by flags alone.
TEST(Balancing, serves_from_a_single_backend_given_by_flag) {
  ScriptedBackend only(always(ok("only")));
  Balancer balancer(std::vector<std::string>{"-backends", only.url()});
  EXPECT_EQ(ask_once(balancer, get()).body, "only");
  EXPECT_EQ(ask_once(balancer, get()).body, "only");
}

}  // namespace
}  // namespace lb::e2e
