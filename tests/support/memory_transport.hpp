// Backends in memory, for http1, upstream and proxy: what the transport's connect() does is scripted for each backend,
// and the far ends of its connections are in the test's hands.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "net/pause.hpp"
#include "support/memory_stream.hpp"
#include "upstream/transport.hpp"

namespace lb::test {

class MemoryTransport final : public upstream::Transport {
 public:
  enum class Answer : std::uint8_t { accept, refuse, hang, no_resources };

  struct Backend {
    Answer answer = Answer::accept;
    MemoryStream::Options options;
    // The far ends of all connections that were made, in order.
    std::vector<std::unique_ptr<MemoryStream>> connections;
    std::size_t attempts = 0;  // connects, failed ones included
  };

  MemoryTransport(World& world, std::size_t backends) : world_(world), backends_(backends) {}

  [[nodiscard]] Backend& backend(std::size_t index) noexcept { return backends_[index]; }
  // The newest connection to a backend.
  [[nodiscard]] MemoryStream& last(std::size_t index) {
    LB_CHECK(!backends_[index].connections.empty());
    return *backends_[index].connections.back();
  }

  [[nodiscard]] net::Awaitable<base::Result<net::StreamPtr>> connect(const upstream::Endpoint& endpoint,
                                                                     upstream::AddressChoice& /*choice*/,
                                                                     base::Deadline deadline,
                                                                     std::string_view /*preface*/) override {
    Backend& backend = backends_[endpoint.slot()];
    ++backend.attempts;
    co_await net::asio::post(world_.io.get_executor(), net::asio::deferred);
    switch (backend.answer) {
      case Answer::refuse:
        co_return base::Error{base::ErrorKind::connect_refused, base::Side::upstream, "connection refused"};
      case Answer::no_resources:
        co_return base::Error{base::ErrorKind::no_resources, base::Side::internal, "out of descriptors"};
      case Answer::hang: {
        net::Pause pause(world_.io.get_executor(), world_.wheel);
        co_await pause.until(deadline);
        co_return base::Error{base::ErrorKind::connect_timeout, base::Side::upstream, "connect timed out"};
      }
      case Answer::accept:
        break;
    }
    auto pair = MemoryStream::connected(world_, base::Side::upstream, backend.options);
    backend.connections.push_back(std::move(pair.second));
    co_return net::StreamPtr(std::move(pair.first));
  }

 private:
  World& world_;
  std::vector<Backend> backends_;
};

}  // namespace lb::test
