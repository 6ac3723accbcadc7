#include "app/status_client.hpp"

#include <utility>

#include <boost/asio/ip/address.hpp>

#include "app/format.hpp"
#include "base/limits.hpp"
#include "http1/client_connection.hpp"
#include "net/connector.hpp"
#include "net/worker.hpp"

namespace lb::app {
namespace {

constexpr base::Duration kPatience{5'000};
// Of 1,024 backends with all that is said of each.
constexpr std::size_t kBodyBytesMax = 64 * 1024 * 1024;

// Who listens on every address is asked on this machine.
net::Tcp::endpoint endpoint_of(const config::Admin& admin) {
  net::asio::ip::address address = net::asio::ip::make_address(admin.address);  // the configuration was checked
  if (address.is_unspecified()) {
    address = address.is_v6() ? net::asio::ip::address(net::asio::ip::address_v6::loopback())
                              : net::asio::ip::address(net::asio::ip::address_v4::loopback());
  }
  return {address, admin.port};
}

class StatusClient {
 public:
  explicit StatusClient(const config::Admin& admin)
      : endpoint_(endpoint_of(admin)), token_(admin.token), worker_(base::system_clock()) {
    settings_.timeouts.write_idle = settings_.timeouts.response_idle = kPatience;
    settings_.header_bytes = base::kCheckHeaderBytesMax;
    settings_.header_count = base::kCheckHeaderCountMax;
  }

  StatusAnswer run() {
    worker_.tasks().spawn(ask());
    worker_.tasks().when_empty([this] { worker_.release(); });
    worker_.io().run();
    return std::move(answer_);
  }

 private:
  net::Awaitable<void> ask() {
    const base::Deadline deadline = worker_.wheel().after(kPatience);
    net::TcpConnector connector(worker_.executor(), worker_.wheel());
    net::Addresses addresses;
    addresses.push_back(endpoint_);
    auto stream = co_await net::connect_in_turn(connector, std::move(addresses), deadline);
    const std::string where = "http://" + printable(endpoint_);
    if (!stream) {
      answer_.problem = "nobody answers at " + where + " (" + std::string(stream.error().detail) +
                        "); is a balancer running, with [admin] port = " + std::to_string(endpoint_.port()) +
                        " in its configuration?";
      co_return;
    }
    http1::ResponseStates states(worker_.blocks(), settings_, 1);
    http1::ClientConnection connection(std::move(*stream), states);
    answer_.problem = co_await exchange(connection, deadline);
    if (!answer_.problem.empty()) answer_.problem = where + ": " + answer_.problem;
  }

  // Why there is no status, or nothing.
  net::Awaitable<std::string> exchange(http1::ClientConnection& connection, base::Deadline deadline) {
    std::string request = "GET /status HTTP/1.1\r\nHost: " + printable(endpoint_) + "\r\nConnection: close\r\n";
    if (!token_.empty()) request += "Authorization: Bearer " + token_ + "\r\n";
    request += "\r\n";
    connection.begin(http::Method::get);
    net::BufferList buffers;
    buffers.emplace_back(request.data(), request.size());
    const auto written = co_await connection.write(buffers);
    if (!written) co_return std::string(written.error().detail);
    const auto read = co_await connection.read_response(deadline);
    if (!read) co_return std::string(read.error().detail);
    const unsigned status = connection.response().status;
    connection.consume_head();
    if (status == 401) {
      co_return token_.empty() ? "it needs its token: name the configuration file by -config"
                               : "it does not take the token that is configured here; was it started with another?";
    }
    if (status != 200) co_return "it answers with status " + std::to_string(status) + "; is it a load-balancer?";
    auto run = connection.take_buffered_body();
    for (;;) {
      if (!run) co_return std::string(run.error().detail);
      for (const auto& piece : run->pieces) {
        answer_.body.append(static_cast<const char*>(piece.data()), piece.size());
      }
      if (run->end) co_return std::string();
      if (answer_.body.size() > kBodyBytesMax) co_return "its answer is too long";
      if (worker_.wheel().now() >= deadline) co_return "its answer takes too long";
      run = co_await connection.read_body();
    }
  }

  net::Tcp::endpoint endpoint_;
  std::string token_;
  http1::Settings settings_;
  net::Worker worker_;
  StatusAnswer answer_;
};

}  // namespace

StatusAnswer ask_status(const config::Admin& admin) {
  StatusClient client(admin);
  return client.run();
}

}  // namespace lb::app
