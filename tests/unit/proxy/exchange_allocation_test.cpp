// What a request takes from the heap once its worker has warmed up: nothing.
#include <memory>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "base/limits.hpp"
#include "base/log_file.hpp"
#include "support/allocations.hpp"
#include "support/memory_proxy.hpp"

namespace lb::proxy {
namespace {

const std::string kChunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
const std::string kLongPost =
    "POST /form HTTP/1.1\r\nHost: h\r\nContent-Length: 10240\r\n\r\n" + std::string(10240, 'x');

// The exchanges of one kept connection, with what the peers in memory need themselves left out of the count.
std::size_t allocations_of(std::string_view request, std::string_view answer, int exchanges,
                           const std::shared_ptr<base::LogFile>& access_log = nullptr) {
  Proxy proxy(2);
  proxy.recorder.access_log().change(telemetry::AccessLogFormat::json, access_log);
  MemoryStream& client = proxy.connect();
  std::size_t counted = 0;
  const auto run = [&] {
    const std::size_t before = test::allocations();
    proxy.run();
    counted += test::allocations() - before;
  };
  constexpr int kWarmUp = 20;
  for (int i = 0; i < kWarmUp + exchanges; ++i) {
    if (i == kWarmUp) counted = 0;
    client.put(request);
    run();
    MemoryStream& backend = proxy.transport.last(static_cast<std::size_t>(i) % 2);
    EXPECT_TRUE(backend.arrived().starts_with(request.substr(0, request.find('\r'))));
    backend.drop();
    backend.put(answer);
    run();
    EXPECT_TRUE(client.arrived().starts_with("HTTP/1.1 200 OK\r\n")) << client.arrived();
    client.drop();
  }
  return counted;
}

TEST(ProxyExchangeAllocation, the_counter_counts) {
  const std::size_t before = test::allocations();
  const auto one = std::make_unique<std::string>(1000, 'x');
  EXPECT_EQ(test::allocations() - before, 2U) << one->size();
}

TEST(ProxyExchangeAllocation, a_request_in_the_steady_state_takes_nothing_from_the_heap) {
  EXPECT_EQ(allocations_of(kGet, kOk, 1000), 0U);
  EXPECT_EQ(allocations_of(kGet, kChunked, 1000), 0U);
  EXPECT_EQ(allocations_of(kPost, kOk, 1000), 0U);
  EXPECT_EQ(allocations_of(kLongPost, kOk, 1000), 0U);
}

// A block of lines goes to another thread in memory of its own.
TEST(ProxyExchangeAllocation, the_access_log_takes_memory_for_a_block_of_lines_alone) {
  std::string problem;
  const std::shared_ptr<base::LogFile> file = base::LogFile::open(
      {.path = "/dev/null", .blocks_max = 100, .lost = std::make_shared<std::atomic<std::uint64_t>>(0)},
      base::system_clock(), problem);
  ASSERT_NE(file, nullptr) << problem;
  constexpr int kExchanges = 1000;
  constexpr std::size_t kLineBytesMax = 600;
  const std::size_t blocks = kExchanges * kLineBytesMax / base::kAccessLogBlockBytes + 1;
  const std::size_t taken = allocations_of(kGet, kOk, kExchanges, file);
  EXPECT_LE(taken, blocks);
  EXPECT_GE(taken, blocks / 2) << "blocks were handed over, and that was counted";
}

}  // namespace
}  // namespace lb::proxy
