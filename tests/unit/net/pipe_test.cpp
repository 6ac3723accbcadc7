// Pipes and their pool.
#include "net/pipe.hpp"

#include <array>
#include <cerrno>
#include <fcntl.h>
#include <string>
#include <string_view>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include <vector>

#include <gtest/gtest.h>

#include "base/limits.hpp"
#include "support/memory_stream.hpp"

namespace lb::net {
namespace {

// Two connected sockets that do not wait.
struct Sockets {
  Sockets() { EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends.data()), 0); }
  ~Sockets() {
    for (const int end : ends) ::close(end);
  }
  Sockets(const Sockets&) = delete;
  Sockets& operator=(const Sockets&) = delete;
  std::array<int, 2> ends{};
};

bool is_open(int descriptor) {
  return ::fcntl(descriptor, F_GETFD) >= 0;
}

// Descriptors of the process among the first thousand.
int count_open() {
  int count = 0;
  for (int descriptor = 0; descriptor < 1000; ++descriptor) count += is_open(descriptor) ? 1 : 0;
  return count;
}

class NetPipe : public testing::Test {
 protected:
  NetPipe() { pool.limit(2); }
  test::World world;
  PipePool pool{world.wheel};
};

TEST_F(NetPipe, takes_no_more_than_asked_and_gives_what_it_took) {
  const Sockets from;
  const Sockets to;
  Pipe pipe = pool.take();
  ASSERT_TRUE(pipe);
  EXPECT_EQ(pipe.fill_from(from.ends[1], 100), -EAGAIN);
  ASSERT_EQ(::send(from.ends[0], "hello, world", 12, 0), 12);
  EXPECT_EQ(pipe.fill_from(from.ends[1], 5), 5);
  EXPECT_EQ(pipe.held(), 5U);
  EXPECT_EQ(pipe.drain_to(to.ends[0]), 5);
  EXPECT_EQ(pipe.held(), 0U);
  std::array<char, 20> got{};
  EXPECT_EQ(::recv(to.ends[1], got.data(), got.size(), 0), 5);
  EXPECT_EQ(std::string_view(got.data(), 5), "hello");
  EXPECT_EQ(::recv(from.ends[1], got.data(), got.size(), 0), 7) << "the rest is still there";
}

TEST_F(NetPipe, an_end_behind_bytes_is_told_by_the_next_call) {
  const Sockets from;
  Pipe pipe = pool.take();
  ASSERT_EQ(::send(from.ends[0], "last", 4, 0), 4);
  ::shutdown(from.ends[0], SHUT_WR);
  EXPECT_EQ(pipe.fill_from(from.ends[1], 100), 4);
  EXPECT_EQ(pipe.fill_from(from.ends[1], 100), 0);
  std::array<char, 20> got{};
  EXPECT_EQ(pipe.read({got.data(), got.size()}), 4);
  EXPECT_EQ(std::string_view(got.data(), 4), "last");
}

TEST_F(NetPipe, what_is_no_socket_is_refused) {
  const int directory = ::open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  ASSERT_GE(directory, 0);
  Pipe pipe = pool.take();
  const ssize_t result = pipe.fill_from(directory, 100);
  ::close(directory);
  EXPECT_TRUE(Pipe::is_refusal(result)) << result;
  EXPECT_FALSE(Pipe::is_refusal(-EAGAIN) || Pipe::is_refusal(-ECONNRESET) || Pipe::is_refusal(0));
}

TEST_F(NetPipe, is_used_again_when_it_is_empty_and_closed_when_not) {
  const int before = count_open();
  const Sockets from;
  {
    const Pipe pipe = pool.take();
    EXPECT_EQ(count_open(), before + 4) << "two of the sockets";
  }
  EXPECT_EQ(pool.kept(), 1U);
  {
    Pipe pipe = pool.take();
    EXPECT_EQ(pool.kept(), 0U);
    EXPECT_EQ(count_open(), before + 4);
    ASSERT_EQ(::send(from.ends[0], "lost", 4, 0), 4);
    EXPECT_EQ(pipe.fill_from(from.ends[1], 100), 4);
  }
  EXPECT_EQ(pool.kept(), 0U);
  EXPECT_EQ(pool.in_use(), 0U);
  EXPECT_EQ(count_open(), before + 2);
}

TEST_F(NetPipe, there_are_no_more_than_the_limit) {
  const Pipe one = pool.take();
  const Pipe two = pool.take();
  EXPECT_TRUE(one && two);
  EXPECT_FALSE(pool.take());
  EXPECT_EQ(pool.in_use(), 2U);
  PipePool without_a_limit(world.wheel);
  EXPECT_FALSE(without_a_limit.take()) << "none until it is said how many";
}

TEST_F(NetPipe, a_process_without_descriptors_has_none) {
  rlimit usual{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &usual), 0);
  rlimit few = usual;
  few.rlim_cur = 3;
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
  const bool got = static_cast<bool>(pool.take());
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &usual), 0);
  EXPECT_FALSE(got);
  EXPECT_EQ(pool.in_use(), 0U);
  EXPECT_TRUE(pool.take());
}

TEST_F(NetPipe, those_that_nobody_needs_are_closed_after_a_while) {
  const int before = count_open();
  {
    const Pipe one = pool.take();
    const Pipe two = pool.take();
  }
  EXPECT_EQ(pool.kept(), 2U);
  world.pass(base::kBlocksUnusedFor / 2);
  EXPECT_EQ(pool.kept(), 2U);
  world.pass(2 * base::kBlocksUnusedFor);
  EXPECT_EQ(pool.kept(), 0U);
  EXPECT_EQ(count_open(), before);
}

}  // namespace
}  // namespace lb::net
