#include "upstream/resolver.hpp"

#include <algorithm>
#include <memory>
#include <utility>

#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>

#include "base/limits.hpp"
#include "net/pause.hpp"

namespace lb::upstream {
namespace {

constexpr std::size_t kLookupThreads = 4;

net::Addresses look_up(net::asio::thread_pool& context, const std::string& host, std::uint16_t port) {
  net::Tcp::resolver resolver(context.get_executor());
  boost::system::error_code failure;
  // Not address_configured (AI_ADDRCONFIG): on a machine whose only interface is the loopback it hides "localhost", and
  // an address that cannot be reached fails at once anyway.
  const auto entries = resolver.resolve(host, std::to_string(port), net::Tcp::resolver::numeric_service, failure);
  net::Addresses addresses;
  if (failure) return addresses;
  for (const auto& entry : entries) {
    if (addresses.size() == base::kAddressesMax) break;
    if (std::ranges::find(addresses, entry.endpoint()) == addresses.end()) addresses.push_back(entry.endpoint());
  }
  return addresses;
}

// Shared by the coroutine that waits and the lookup, whichever ends last. Touched on the coroutine's thread alone.
struct Waiting {
  Waiting(net::Executor executor, net::DeadlineWheel& wheel) : pause(std::move(executor), wheel) {}
  net::Pause pause;
  net::Addresses found;
};

}  // namespace

Resolver::Resolver() : threads_(kLookupThreads) {}

Resolver::~Resolver() {
  threads_.join();
}

net::Awaitable<net::Addresses> Resolver::resolve(net::Executor executor, net::DeadlineWheel& wheel, std::string host,
                                                 std::uint16_t port, base::Deadline deadline) {
  boost::system::error_code not_an_address;
  const auto address = net::asio::ip::make_address(host, not_an_address);
  if (!not_an_address) co_return net::Addresses{net::Tcp::endpoint(address, port)};

  // Not const: each lambda has to hand its share on, or the last one would go away, wheel entry and all, on the thread
  // of the lookup.
  auto waiting = std::make_shared<Waiting>(executor, wheel);
  pending_.fetch_add(1, std::memory_order_relaxed);
  net::asio::post(threads_, [this, executor, waiting, host = std::move(host), port]() mutable {
    net::Addresses found = look_up(threads_, host, port);
    pending_.fetch_sub(1, std::memory_order_relaxed);
    net::asio::post(executor, [waiting = std::move(waiting), found = std::move(found)]() mutable {
      waiting->found = std::move(found);
      waiting->pause.wake();
    });
  });
  co_await waiting->pause.until(deadline);
  co_return std::move(waiting->found);
}

}  // namespace lb::upstream
