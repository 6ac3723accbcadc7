// Certificates that get and renew themselves: [acme].
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "acme/challenges.hpp"
#include "acme/manager.hpp"
#include "app/acme_http.hpp"
#include "config/config.hpp"
#include "proxy/own_pages.hpp"
#include "tls/certificate.hpp"

namespace lb::app {

// Control thread, unless it says otherwise. Lives as long as the workers run.
class AutomaticCertificates {
 public:
  // `on_change`: certificates() has become another list.
  AutomaticCertificates(net::Worker& control, std::function<void()> on_change);

  // From now on; loads what is stored. A sentence: what of the configuration cannot be used, which changes nothing.
  [[nodiscard]] std::string configure(const config::Config& config);
  // Asks the authority, from now on.
  void begin();
  void stop();

  // One for each domain, in their order: what is stored, or a stand-in until it is there.
  [[nodiscard]] const std::vector<tls::CertificatePtr>& certificates() const noexcept { return certificates_; }
  // That answers a challenge for this name, if there is one; null: there is none. Any thread.
  [[nodiscard]] tls::CertificatePtr challenge_for(std::string_view name) const;
  // Answers to challenges by HTTP, for any thread; null while there is nothing to ask for.
  [[nodiscard]] std::shared_ptr<const proxy::OwnPages> pages() const noexcept { return pages_; }
  [[nodiscard]] std::vector<acme::State> states() const;

 private:
  void take_certificates();

  net::Worker& control_;
  std::function<void()> on_change_;
  upstream::Resolver resolver_;
  acme::Challenges challenges_;
  AcmeHttp http_;
  std::optional<acme::Manager> manager_;  // once there was something to ask for
  std::vector<std::string> domains_;
  std::vector<tls::CertificatePtr> certificates_;
  std::vector<std::pair<std::string, tls::CertificatePtr>> stand_ins_;  // by domain
  std::shared_ptr<const proxy::OwnPages> pages_;
  bool begun_ = false;
  bool running_ = false;  // the manager
};

}  // namespace lb::app
