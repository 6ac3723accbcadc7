#include "app/status_client.hpp"

#include <utility>

#include <boost/asio/ip/address.hpp>

#include "http1/ask.hpp"
#include "net/address_text.hpp"
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
      : endpoint_(endpoint_of(admin)), token_(admin.token), worker_(base::system_clock()) {}

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
    auto stream = co_await connector.connect(endpoint_, deadline, {});
    const std::string where = "http://" + net::to_text(endpoint_);
    if (!stream) {
      answer_.problem = "nobody answers at " + where + " (" + std::string(stream.error().detail) +
                        "); is a balancer running, with [admin] port = " + std::to_string(endpoint_.port()) +
                        " in its configuration?";
      co_return;
    }
    http1::Question question{.head = request(), .body_bytes_max = kBodyBytesMax};
    const auto goes_on = [](const http1::Answered& answered) { return answered.status == 200; };
    http1::Answered answered = co_await http1::ask(std::move(*stream), worker_.blocks(), question, deadline, goes_on);
    answer_.problem = problem_of(answered);
    if (!answer_.problem.empty()) answer_.problem = where + ": " + answer_.problem;
    answer_.body = std::move(answered.body);
  }

  [[nodiscard]] std::string request() const {
    std::string text = "GET /status HTTP/1.1\r\nHost: " + net::to_text(endpoint_) + "\r\nConnection: close\r\n";
    if (!token_.empty()) text += "Authorization: Bearer " + token_ + "\r\n";
    return text + "\r\n";
  }

  // Why there is no status, or nothing.
  [[nodiscard]] std::string problem_of(const http1::Answered& answered) const {
    if (answered.status == 401) {
      return token_.empty() ? "it needs its token: name the configuration file by -config"
                            : "it does not take the token that is configured here; was it started with another?";
    }
    if (!answered.problem.empty()) return answered.problem;
    if (answered.status != 200) {
      return "it answers with status " + std::to_string(answered.status) + "; is it a load-balancer?";
    }
    return answered.is_whole ? "" : "its answer is too long";
  }

  net::Tcp::endpoint endpoint_;
  std::string token_;
  net::Worker worker_;
  StatusAnswer answer_;
};

}  // namespace

StatusAnswer ask_status(const config::Admin& admin) {
  StatusClient client(admin);
  return client.run();
}

}  // namespace lb::app
