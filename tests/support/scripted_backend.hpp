// A backend that does to each connection what a test says, and remembers what it saw.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "support/wire.hpp"

namespace lb::support {

// Holds scripts back until the test opens it.
class Gate {
 public:
  void open();
  // False when nobody opened it in time.
  bool wait(Deadline deadline = within());

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false;
};

enum class Family : std::uint8_t { ipv4, ipv6 };

// Whether this host has ::1.
[[nodiscard]] bool has_ipv6();

struct RecordedRequest {
  Message message;             // what was read of it so far
  std::size_t connection = 0;  // connections that carried a request are counted from 1
};

class ScriptedBackend {
 public:
  class Connection : public Wire {
   public:
    Connection(ScriptedBackend& backend, Descriptor socket) : Wire(std::move(socket)), backend_(backend) {}

    // The head and the body, or the head alone. Nothing: the connection ended first, as a health check's does.
    std::optional<Message> read_request();
    std::optional<Head> read_request_head();
    // The body of the request whose head was read.
    Message read_request_body();
    // Counted from 1 over all connections; 0 before the first.
    [[nodiscard]] std::size_t request_number() const noexcept { return request_number_; }
    // Likewise, of the connection; health checks, which send nothing, are not counted.
    [[nodiscard]] std::size_t number() const noexcept { return number_; }

   private:
    ScriptedBackend& backend_;
    Head head_;
    std::size_t request_number_ = 0;
    std::size_t number_ = 0;
  };
  using Script = std::function<void(Connection&)>;

  // Listens on a free port of 127.0.0.1, or ::1, at once. The script runs once for each connection, in a thread of its
  // own; the connection is closed when it returns.
  explicit ScriptedBackend(Script script, Family family = Family::ipv4);
  ~ScriptedBackend();
  ScriptedBackend(const ScriptedBackend&) = delete;
  ScriptedBackend& operator=(const ScriptedBackend&) = delete;

  // Closes the port and all connections. The port stays reserved, so that connecting is refused and nobody else gets
  // it.
  void stop();
  void start();

  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
  [[nodiscard]] std::string url() const {
    return (family_ == Family::ipv6 ? "http://[::1]:" : "http://127.0.0.1:") + std::to_string(port_);
  }
  // Those that carried at least a request's head.
  [[nodiscard]] std::size_t connections() const;
  [[nodiscard]] std::size_t request_count() const;
  [[nodiscard]] std::vector<RecordedRequest> requests() const;
  // False when there were fewer in time.
  [[nodiscard]] bool wait_for_requests(std::size_t count, Deadline deadline = within());

 private:
  struct Running {
    std::unique_ptr<Connection> connection;
    std::thread thread;
  };

  void accept_connections();

  Script script_;
  Family family_;
  Descriptor reservation_;  // bound and never listening
  Descriptor listener_;
  Descriptor wake_;  // eventfd: the accepting thread ends
  std::uint16_t port_ = 0;
  std::thread acceptor_;
  std::list<Running> running_;  // touched by the accepting thread, and by stop() once that has ended

  mutable std::mutex mutex_;
  std::condition_variable recorded_;
  std::vector<RecordedRequest> requests_;
  std::size_t connections_ = 0;
};

// A 200 with that body, for a connection that goes on.
[[nodiscard]] std::string ok(std::string_view body);
// Answers every request of every connection with these bytes.
[[nodiscard]] ScriptedBackend::Script always(std::string answer);

}  // namespace lb::support
