// The certificates, keys and authorities of the configuration in force, for both sides of the proxy.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "config/config.hpp"
#include "tls/client.hpp"
#include "tls/server.hpp"

namespace lb::app {

// Control thread. Reads small files, and blocks on that.
class Certificates {
 public:
  struct State {
    std::string path;
    std::string name;            // the first of those that it is for
    std::int64_t not_after = 0;  // Unix time, seconds
  };
  // What could not be taken, each a sentence that names its file; and what the operator should know besides.
  struct Report {
    std::vector<std::string> problems{};
    std::vector<std::string> warnings{};
  };

  explicit Certificates(const base::Clock& clock);

  // Reads all that the configuration names. What cannot be taken keeps what it had before in service, if there was
  // anything; at the first time nothing was.
  Report load(const config::Config& config);

  // Those that come from elsewhere, behind those of the configuration, from now on.
  void take_automatic(std::vector<tls::CertificatePtr> certificates);
  // Who answers challenges of an authority; before load().
  void answer_challenges(std::function<tls::CertificatePtr(std::string_view)> challenge_for) {
    challenge_for_ = std::move(challenge_for);
  }

  // Null: there is no certificate to be shown.
  [[nodiscard]] const tls::ServerPtr& server() const noexcept { return server_; }
  // Null: no backend asks for it.
  [[nodiscard]] const tls::ClientPtr& client() const noexcept { return client_; }
  [[nodiscard]] std::vector<State> states() const;
  // Sentences about those that end soon, or have ended.
  [[nodiscard]] std::vector<std::string> ending() const;
  // Every file that load() has read.
  [[nodiscard]] const std::vector<std::string>& files() const noexcept { return files_; }

 private:
  using Key = std::pair<std::string, std::string>;  // the paths of a certificate and its key

  void load_own(const config::Config& config, Report& report);
  void load_authorities(const config::Config& config, Report& report);
  void make_server();
  void load_client(const config::Config& config, Report& report);
  [[nodiscard]] bool has_ended(const tls::Certificate& certificate) const noexcept;

  const base::Clock& clock_;
  std::shared_ptr<tls::TicketKeys> tickets_;
  std::map<Key, tls::CertificatePtr> known_;
  std::vector<tls::CertificatePtr> own_;  // in the order of the configuration
  std::vector<tls::CertificatePtr> automatic_;
  std::function<tls::CertificatePtr(std::string_view)> challenge_for_;
  config::Tls tls_;
  std::vector<tls::X509Ptr> client_authorities_;
  tls::ServerPtr server_;
  tls::ClientPtr client_;
  std::string client_mark_;  // what it was made of
  std::vector<std::string> files_;
};

}  // namespace lb::app
