#include "app/automatic_certificates.hpp"

#include <algorithm>
#include <filesystem>
#include <random>
#include <utility>

#include "app/from_config.hpp"
#include "app/listeners.hpp"
#include "base/log.hpp"

namespace lb::app {
namespace {

// GET /.well-known/acme-challenge/TOKEN, as long as TOKEN is one of ours.
class ChallengePages final : public proxy::OwnPages {
 public:
  explicit ChallengePages(const acme::Challenges& challenges) noexcept : challenges_(challenges) {}

  [[nodiscard]] bool any() const noexcept override { return !challenges_.empty(); }
  [[nodiscard]] std::optional<message::OwnAnswer> find(const http::RequestHead& head) const override {
    if (!head.target.starts_with(acme::kHttpChallengePath)) return std::nullopt;
    auto text = challenges_.key_authorization(head.target.substr(acme::kHttpChallengePath.size()));
    if (!text) return std::nullopt;
    message::OwnAnswer answer{.status = 200, .reason = "OK", .fields = {}, .body = std::move(*text)};
    answer.fields.emplace_back("Content-Type", "application/octet-stream");
    return answer;
  }

 private:
  const acme::Challenges& challenges_;
};

acme::Settings settings_of(const config::Config& config) {
  const std::vector<config::Listener> listeners = listeners_of(config);
  std::error_code ignored;
  const std::filesystem::path storage = std::filesystem::absolute(resolved(config, config.acme.storage), ignored);
  return {.domains = config.acme.domains,
          .email = config.acme.email,
          .directory = config.acme.directory,
          .storage = storage.string(),
          .http_01 = std::ranges::any_of(listeners, [](const auto& one) { return !one.tls; }),
          .tls_alpn_01 = std::ranges::any_of(listeners, [](const auto& one) { return one.tls; })};
}

}  // namespace

AutomaticCertificates::AutomaticCertificates(net::Worker& control, std::function<void()> on_change)
    : control_(control),
      on_change_(std::move(on_change)),
      resolver_(control.executor(), control.wheel()),
      http_(control, resolver_) {}

std::string AutomaticCertificates::configure(const config::Config& config) {
  resolver_.configure(make_resolver_settings(config));
  if (config.acme.domains.empty() && !manager_) return {};
  tls::ClientSettings trust;
  if (!config.acme.ca.empty()) {
    auto loaded = tls::load_authorities(resolved(config, config.acme.ca));
    if (!loaded) return loaded.error().text;
    trust.authorities = std::move(*loaded);
  }
  if (!manager_) {
    std::random_device seed;
    manager_.emplace(control_.executor(), control_.wheel(), http_, challenges_,
                     (std::uint64_t{seed()} << 32U) | seed());
    pages_ = std::make_shared<const ChallengePages>(challenges_);
  }
  if (auto problem = manager_->configure(settings_of(config))) return "[acme]: " + problem->text;
  http_.trust(std::make_shared<const tls::Client>(std::move(trust)));
  domains_ = config.acme.domains;
  take_certificates();
  manager_->on_change([this] {
    take_certificates();
    on_change_();
  });
  if (begun_) begin();
  return {};
}

void AutomaticCertificates::begin() {
  if (manager_ && !std::exchange(running_, true)) control_.tasks().spawn(manager_->run());
  begun_ = true;
}

void AutomaticCertificates::stop() {
  if (manager_) manager_->stop();
  resolver_.stop();
}

void AutomaticCertificates::take_certificates() {
  const std::vector<acme::Stored> stored = manager_->certificates();
  certificates_.clear();
  for (const std::string& domain : domains_) {
    const auto found = std::ranges::find(stored, domain, &acme::Stored::domain);
    if (found != stored.end()) {
      auto parsed = tls::parse_certificate(found->pair.chain, found->pair.key, found->path, found->path);
      if (parsed) {
        certificates_.push_back(*parsed);
        continue;
      }
      base::log(base::LogLevel::error, parsed.error().text);
    }
    auto stand_in = std::ranges::find(stand_ins_, domain, &std::pair<std::string, tls::CertificatePtr>::first);
    if (stand_in == stand_ins_.end()) {
      const acme::Pair pair = acme::make_stand_in(domain, control_.wheel().clock().wall_seconds());
      auto made = tls::parse_certificate(pair.chain, pair.key, {}, {});
      if (!made) continue;
      stand_ins_.emplace_back(domain, *made);
      stand_in = stand_ins_.end() - 1;
    }
    certificates_.push_back(stand_in->second);
  }
}

tls::CertificatePtr AutomaticCertificates::challenge_for(std::string_view name) const {
  if (challenges_.empty()) return nullptr;
  const auto found = challenges_.alpn_certificate(name);
  if (found == nullptr) return nullptr;
  auto certificate = std::make_shared<tls::Certificate>();
  X509_up_ref(found->certificate.get());
  EVP_PKEY_up_ref(found->key.get());
  certificate->leaf.reset(found->certificate.get());
  certificate->key.reset(found->key.get());
  return certificate;
}

std::vector<acme::State> AutomaticCertificates::states() const {
  return manager_ ? manager_->states() : std::vector<acme::State>();
}

}  // namespace lb::app
