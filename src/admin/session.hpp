// One connection to the admin interface: requests are read, guarded, answered.
#pragma once

#include <memory>
#include <string>

#include "admin/control.hpp"
#include "admin/outlet.hpp"
#include "admin/routes.hpp"
#include "http/date.hpp"
#include "http1/server_connection.hpp"
#include "net/tcp_stream.hpp"

namespace lb::admin {

// Lives in the coroutine that runs it, on the control thread.
class Session final : private Outlet {
 public:
  // All of these outlive it. `token` may change between two requests; empty: none is needed.
  Session(net::Worker& worker, Control& control, http1::RequestStates<net::TcpStream>& states, const std::string& token,
          std::unique_ptr<net::TcpStream> stream);

  // Until the connection ends. Ended early by SessionSet::abort().
  [[nodiscard]] net::Awaitable<void> run();
  // One answer, without reading: there are too many connections.
  [[nodiscard]] net::Awaitable<void> turn_away();

  // Whether it waits for a request, or for the rest of one's head.
  [[nodiscard]] bool gives_way() const noexcept { return waiting_; }
  void abort() noexcept {
    waiting_ = false;
    client_.abort();
  }

 private:
  enum class Next : std::uint8_t { request, end };

  net::Awaitable<Next> serve_request();
  net::Awaitable<base::Result<void>> read_body(Request& request);
  net::Awaitable<Next> answer(const Request& request, Answer answer, bool keep_alive);
  net::Awaitable<Next> stream(const Route& route, const Request& request);
  [[nodiscard]] std::string head_of(unsigned status, std::string_view content_type, std::string_view fields);

  [[nodiscard]] bool open() const noexcept override { return open_; }
  net::Awaitable<void> wait(base::Deadline deadline) override;
  net::Awaitable<void> write(std::string_view text) override;
  static void left(void* self, base::ErrorKind how) noexcept;

  net::Worker& worker_;
  Control& control_;
  const std::string& token_;
  http1::ServerConnection<net::TcpStream> client_;
  http::DateCache date_;
  net::Pause pause_;
  bool waiting_ = false;
  bool open_ = false;  // as an Outlet
};

}  // namespace lb::admin
