// Pebble, the test server of Let's Encrypt: a real authority for ACME, where there is one.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <sys/types.h>

#include "support/wire.hpp"

namespace lb::support {

class Pebble {
 public:
  struct Options {
    // Where it comes to look for proofs, on whatever address the domain has.
    std::uint16_t http_port = 0;
    std::uint16_t tls_port = 0;
    std::string name_server{};       // "127.0.0.1:53"; empty: the system's
    int bad_nonces_percent = 5;      // that it refuses without a reason
    int reused_proofs_percent = 50;  // of new orders for a domain that was proved before
  };

  // Whether it can be started here; a test is skipped otherwise.
  [[nodiscard]] static bool is_installed();

  // Returns when it listens. It dies with the test.
  explicit Pebble(const Options& options);
  ~Pebble();
  Pebble(const Pebble&) = delete;
  Pebble& operator=(const Pebble&) = delete;

  // Its certificate is for 127.0.0.1 and for localhost.
  [[nodiscard]] std::string directory() const { return "https://127.0.0.1:" + std::to_string(port_) + "/dir"; }
  // A file with the certificate that clients have to trust for that, in PEM.
  [[nodiscard]] std::string ca_file() const { return folder_ + "/ca.pem"; }
  // Where GET /roots/0 and /intermediates/0 give what the certificates that it issues are signed with, in PEM.
  [[nodiscard]] std::string management() const { return "https://127.0.0.1:" + std::to_string(management_port_); }

  // What it has printed.
  [[nodiscard]] std::string log() const;
  [[nodiscard]] bool wait_for_log(std::string_view text, Deadline deadline = within()) const;

  // Ends it, and begins anew on the same ports: it has forgotten everything.
  void restart();

 private:
  void start();
  void stop();
  void make_certificate() const;
  void configure() const;

  Options options_;
  std::string folder_;
  std::uint16_t port_ = 0;
  std::uint16_t management_port_ = 0;
  pid_t pid_ = -1;
};

}  // namespace lb::support
