#include "app/demo.hpp"

#include <utility>

#include "http1/server_connection.hpp"

namespace lb::app {
namespace {

constexpr unsigned kDemoBackends = 2;

// What arrived, as text: it shows the fields that the balancer adds.
std::string make_page(const http::RequestHead& request, unsigned number) {
  std::string page = "Hello from demo backend " + std::to_string(number) + "\n\nThis is what arrived here:\n\n";
  page.append(request.method_name).append(" ").append(request.target).append("\n");
  for (const http::Field& field : request.fields) page.append(field.name).append(": ").append(field.value).append("\n");
  return page;
}

}  // namespace

std::unique_ptr<DemoBackends> DemoBackends::start(std::string& problem) {
  std::unique_ptr<DemoBackends> demo(new DemoBackends);  // the constructor is private
  for (unsigned number = 1; number <= kDemoBackends; ++number) {
    auto sockets = net::ListenSockets::open("127.0.0.1", 0, 1);
    if (!sockets) {
      problem = sockets.error();
      return nullptr;
    }
    demo->listen(std::move(*sockets), number);
  }
  demo->worker_.start();
  return demo;
}

DemoBackends::DemoBackends() : worker_(base::system_clock()) {
  constexpr base::Duration kPatience{60'000};
  settings_.timeouts.header = settings_.timeouts.body_idle = settings_.timeouts.write_idle = kPatience;
  settings_.timeouts.keep_alive_idle = kPatience;
  settings_.header_bytes = 2 * base::kSmallBlockBytes;
  settings_.header_count = 256;
}

DemoBackends::~DemoBackends() {
  worker_.post([this] {
    for (const auto& listener : listeners_) listener->stop();
    worker_.sessions().abort();
  });
  worker_.release();
  worker_.join();
}

void DemoBackends::listen(net::ListenSockets sockets, unsigned number) {
  ports_.push_back(sockets.local().port());
  listeners_.push_back(std::make_unique<net::Listener>(
      worker_, std::make_unique<net::TcpAcceptor>(worker_, sockets.release(0)), [] { return true; },
      [this, number](net::StreamPtr stream, const net::Tcp::endpoint&) {
        worker_.tasks().spawn(serve(std::move(stream), number));
      }));
  listeners_.back()->start();
}

net::Awaitable<void> DemoBackends::serve(net::StreamPtr stream, unsigned number) {
  http1::ServerConnection client(std::move(stream), states_, worker_.sessions(), {});
  for (;;) {
    const auto arrival = co_await client.wait_for_request();
    if (arrival == http1::Arrival::nobody) break;
    const auto request = co_await client.read_request();
    if (!request || *request == http1::Arrival::nobody) break;
    const bool head_only = client.request().method == http::Method::head;
    const bool keep_alive = client.options().keep_alive && !client.draining();
    const std::string page = make_page(client.request(), number);
    client.consume_head();
    while (!client.body_ended()) {
      const auto run = co_await client.read_body();
      if (!run) co_return client.abort();
    }
    const std::string head =
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: " + std::to_string(page.size()) +
        "\r\n" + (keep_alive ? "" : "Connection: close\r\n") + "\r\n";
    net::BufferList buffers;
    buffers.emplace_back(head.data(), head.size());
    if (!head_only) buffers.emplace_back(page.data(), page.size());
    const auto written = co_await client.write(buffers);
    if (!written || !keep_alive) break;
  }
  co_await client.finish(http1::Linger::if_unread);
}

}  // namespace lb::app
