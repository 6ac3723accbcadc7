// The listening sockets: one for each worker, so that the kernel spreads connections and no lock is shared.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/ip/tcp.hpp>
#include <boost/system/result.hpp>

#include "net/tcp_stream.hpp"

namespace lb::net {

// What a socket is bound to.
[[nodiscard]] Tcp::endpoint local_endpoint(int descriptor) noexcept;

// Open, bound and listening descriptors, one for each worker, closed when this goes away unless released.
class ListenSockets {
 public:
  ListenSockets() = default;
  ListenSockets(ListenSockets&& other) noexcept { std::swap(descriptors_, other.descriptors_); }
  ListenSockets& operator=(ListenSockets&&) = delete;
  ~ListenSockets();

  // Binds `count` sockets to one address and port. `address` "::" also takes IPv4, and means 0.0.0.0 on a host without
  // IPv6. `port` 0 takes any free one. The first socket is bound without SO_REUSEPORT: a second instance, or any other
  // program, on the same port is refused, although the sockets share it among themselves.
  // Returns a sentence for the user on failure.
  [[nodiscard]] static boost::system::result<ListenSockets, std::string> open(const std::string& address,
                                                                              std::uint16_t port, std::size_t count);

  // Takes over descriptors that listen already, and binds more beside them until there are `count`; there may be more.
  [[nodiscard]] static boost::system::result<ListenSockets, std::string> adopt(const std::vector<int>& descriptors,
                                                                               std::size_t count);

  [[nodiscard]] std::size_t size() const noexcept { return descriptors_.size(); }
  [[nodiscard]] Tcp::endpoint local() const;
  // Hands one descriptor over.
  [[nodiscard]] int release(std::size_t index) noexcept { return std::exchange(descriptors_[index], -1); }

 private:
  std::vector<int> descriptors_;
};

}  // namespace lb::net
