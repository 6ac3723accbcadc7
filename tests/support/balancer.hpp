// A running balancer between scripted peers, and clients for it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "support/process.hpp"
#include "support/scripted_backend.hpp"

namespace lb::support {

struct Arrangement {
  std::vector<const ScriptedBackend*> backends{};
  // The rest of the configuration file: tables and keys, without [[backends]].
  std::string toml{};
  std::vector<unsigned> weights{};
  // One worker unless the test is about several: idle connections to backends are kept for each worker.
  unsigned threads = 1;
  std::string log_level = "info";
  std::vector<std::string> flags{};
  bool admin = false;  // with an admin interface
};

class Balancer {
 public:
  enum class Admin { off, on };

  // Starts the binary with a configuration file and waits until it listens.
  explicit Balancer(const Arrangement& arrangement);
  // The same with these flags alone; "-port 0" is added. `out`: its standard output, which is captured otherwise.
  explicit Balancer(const std::vector<std::string>& flags, Admin admin = Admin::off, int out = -1);

  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
  // Of the admin interface; 0: there is none.
  [[nodiscard]] std::uint16_t admin_port() const noexcept { return admin_port_; }
  [[nodiscard]] Process& process() noexcept { return *process_; }
  [[nodiscard]] std::string log() const { return process_->err(); }
  [[nodiscard]] std::optional<std::string> wait_for_log(std::string_view text, std::size_t from = 0,
                                                        Deadline deadline = within()) const {
    return process_->wait_for_log(text, from, deadline);
  }
  void signal(int number) const { process_->signal(number); }
  [[nodiscard]] std::optional<int> wait_exit(Deadline deadline = within()) { return process_->wait_exit(deadline); }

 private:
  void start(std::vector<std::string> flags, Admin admin, int out = -1);
  void start_process(std::vector<std::string> flags, Admin admin, int out);

  TemporaryDirectory directory_;
  std::unique_ptr<Process> process_;
  std::uint16_t port_ = 0;
  std::uint16_t admin_port_ = 0;
};

class Client : public Wire {
 public:
  // Connects to 127.0.0.1.
  explicit Client(const Balancer& balancer) : Client(balancer.port()) {}
  explicit Client(std::uint16_t port);

  // Sends the bytes and reads one answer.
  Message ask(std::string_view request, Kind kind = Kind::response);
  [[nodiscard]] Message read_response(Deadline deadline = within()) { return read_message(Kind::response, deadline); }
};

// A connection to `port`, or none when it is refused.
[[nodiscard]] Descriptor connect_local(std::uint16_t port);
[[nodiscard]] Descriptor connect_local_v6(std::uint16_t port);

// A port of 127.0.0.1 that is free now; nobody keeps it.
[[nodiscard]] std::uint16_t free_port();

// One request on a connection of its own.
Message ask_once(const Balancer& balancer, std::string_view request, Kind kind = Kind::response);

// Request texts. `fields` are whole lines, each with its CRLF.
[[nodiscard]] std::string get(std::string_view target = "/", std::string_view fields = "");
[[nodiscard]] std::string request(std::string_view method, std::string_view body, std::string_view fields = "");

}  // namespace lb::support
