// A storm of scrapes must not disturb the checks of the backends, which run on the same thread.
#include <array>
#include <atomic>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <gtest/gtest.h>

#include "support/admin.hpp"
#include "support/config_file.hpp"

namespace lb::e2e {
namespace {

using namespace lb::support;  // NOLINT(google-build-using-namespace): the vocabulary of these tests
using Tcp = boost::asio::ip::tcp;

// Reads one long answer after the other, as fast as it can.
void scrape(std::uint16_t port, const std::string& path, const std::atomic<bool>& stop) {
  std::array<char, 64 * 1024> buffer{};
  while (!stop) {
    boost::asio::io_context context;
    Tcp::socket socket(context);
    boost::system::error_code code;
    socket.connect({boost::asio::ip::address_v4::loopback(), port}, code);
    const std::string ask = "GET " + path + " HTTP/1.0\r\n\r\n";
    boost::asio::write(socket, boost::asio::buffer(ask), code);
    while (!code && !stop) socket.read_some(boost::asio::buffer(buffer), code);
  }
}

// Goal: checks pass while many read all there is to read of a thousand backends. Before, making one answer held the
// thread up for longer than a check may take. Method: backends that all are one listening socket; the same one is
// checked again and again.
TEST(AdminStorm, of_scrapes_fails_no_check) {
  boost::asio::io_context context;
  Tcp::acceptor acceptor(context, Tcp::endpoint(boost::asio::ip::address_v4::any(), 0));
  acceptor.listen(4'096);  // the kernel answers to connections that nobody accepts
  const std::string port = ":" + std::to_string(acceptor.local_endpoint().port());
  std::string toml = "[server]\nthreads = 1\n[health]\ninterval = \"1h\"\ntimeout = \"500ms\"\n";
  for (int i = 0; i < 1'000; ++i) {
    toml += "[[backends]]\nurl = \"http://127.1." + std::to_string(i / 250) + "." + std::to_string(i % 250 + 1) + port +
            "\"\n";
  }
  const std::string one = "http://localhost" + port;  // a name takes one more turn of the thread
  toml += "[[backends]]\nurl = \"" + one + "\"\n";
  ConfigFile file(toml);
  Balancer balancer(file.flags(), Balancer::Admin::on);
  EXPECT_EQ(admin_post(balancer, "/check", by_url(one)).status(), 200);
  const std::size_t from = balancer.log().size();
  std::atomic<bool> stop = false;
  std::vector<std::thread> storm;
  storm.reserve(6);
  for (int i = 0; i < 6; ++i) {
    storm.emplace_back(scrape, balancer.admin_port(), i % 2 == 0 ? "/metrics" : "/status", std::cref(stop));
  }
  for (int i = 0; i < 10; ++i) {
    const Message checked = admin_post(balancer, "/check", by_url(one));
    EXPECT_EQ(checked.status(), 200);
    EXPECT_EQ(text_at(json_of(checked), "/state"), "up") << i;
    EXPECT_EQ(admin_get(balancer, "/healthz").status(), 200);
  }
  stop = true;
  for (std::thread& thread : storm) thread.join();
  EXPECT_EQ(balancer.log().find("[down]", from), std::string::npos) << balancer.log().substr(from);
}

}  // namespace
}  // namespace lb::e2e
