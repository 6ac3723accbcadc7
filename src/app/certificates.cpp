#include "app/certificates.hpp"

#include <algorithm>
#include <utility>

namespace lb::app {
namespace {

constexpr std::int64_t kDay = 24 * 3600;
constexpr std::int64_t kWarnedBefore = 14 * kDay;

std::vector<tls::X509Ptr> copy_of(const std::vector<tls::X509Ptr>& from) {
  std::vector<tls::X509Ptr> copy;
  for (const tls::X509Ptr& one : from) {
    X509_up_ref(one.get());
    copy.emplace_back(one.get());
  }
  return copy;
}

tls::ClientCertificates client_certificates(const std::string& word) noexcept {
  return word == "require"    ? tls::ClientCertificates::required
         : word == "optional" ? tls::ClientCertificates::optional
                              : tls::ClientCertificates::off;
}

std::string days(std::int64_t seconds) {
  const std::int64_t count = std::max<std::int64_t>(seconds / kDay, 0);
  return std::to_string(count) + (count == 1 ? " day" : " days");
}

}  // namespace

Certificates::Certificates(const base::Clock& clock)
    : clock_(clock), tickets_(std::make_shared<tls::TicketKeys>(clock)) {}

bool Certificates::has_ended(const tls::Certificate& certificate) const noexcept {
  return certificate.not_after <= clock_.wall_seconds();
}

Certificates::Report Certificates::load(const config::Config& config) {
  Report report;
  files_.clear();
  load_own(config, report);
  load_authorities(config, report);
  make_server();
  load_client(config, report);
  return report;
}

void Certificates::load_own(const config::Config& config, Report& report) {
  std::map<Key, tls::CertificatePtr> known;
  const std::vector<tls::CertificatePtr> before_all = std::exchange(own_, {});
  for (const config::Certificate& wanted : config.certificates) {
    const Key key{resolved(config, wanted.certificate), resolved(config, wanted.key)};
    files_.insert(files_.end(), {key.first, key.second});
    const auto before = known_.find(key);
    const tls::CertificatePtr old = before == known_.end() ? nullptr : before->second;
    auto loaded = tls::load_certificate(key.first, key.second);
    tls::CertificatePtr taken = old;
    if (!loaded) {
      report.problems.push_back(loaded.error().text);
    } else if (has_ended(**loaded) && old != nullptr && !has_ended(*old)) {
      report.problems.push_back("the certificate in " + key.first + " has expired");
    } else {
      taken = *loaded;
    }
    if (taken == nullptr) continue;
    known[key] = taken;
    own_.push_back(std::move(taken));
  }
  known_ = std::move(known);
  // Rather what was shown before than nothing.
  if (own_.empty() && !config.certificates.empty()) own_ = before_all;
}

void Certificates::load_authorities(const config::Config& config, Report& report) {
  tls_ = config.tls;
  if (tls_.client_ca.empty()) return;
  files_.push_back(resolved(config, tls_.client_ca));
  auto loaded = tls::load_authorities(files_.back());
  if (loaded) {
    client_authorities_ = std::move(*loaded);
  } else {
    report.problems.push_back(loaded.error().text);
  }
}

void Certificates::take_automatic(std::vector<tls::CertificatePtr> certificates) {
  automatic_ = std::move(certificates);
  make_server();
}

void Certificates::make_server() {
  std::vector<tls::CertificatePtr> all = own_;
  all.insert(all.end(), automatic_.begin(), automatic_.end());
  if (all.empty()) {
    server_ = nullptr;
    return;
  }
  tls::ServerSettings settings{.only_1_3 = tls_.min_version == "1.3",
                               .client_certificates = client_certificates(tls_.client_certificates)};
  if (settings.client_certificates != tls::ClientCertificates::off) {
    settings.client_authorities = copy_of(client_authorities_);
  }
  if (!automatic_.empty()) settings.challenge_for = challenge_for_;
  server_ = std::make_shared<const tls::Server>(std::move(all), std::move(settings), tickets_);
}

// As a whole: half of it would be another identity than anybody has asked for.
void Certificates::load_client(const config::Config& config, Report& report) {
  const config::BackendTls& wanted = config.backend_tls;
  if (std::ranges::none_of(config.backends, &config::Backend::tls)) {
    client_ = nullptr;
    return;
  }
  tls::ClientSettings settings{.verify = wanted.verify};
  bool good = true;
  // What has not changed keeps its sessions, and the connections that were made by it.
  std::string mark = wanted.verify ? "verified" : "believed";
  for (const std::string* const file : {&wanted.ca, &wanted.certificate, &wanted.key}) {
    const auto text =
        file->empty() ? tls::Loaded<tls::FileText>(tls::FileText{}) : tls::read_small_file(resolved(config, *file));
    mark += ' ' + (text ? tls::sha256_of(text->bytes) : std::string());
  }
  if (!wanted.ca.empty()) {
    files_.push_back(resolved(config, wanted.ca));
    auto loaded = tls::load_authorities(files_.back());
    good = loaded.has_value();
    if (good) {
      settings.authorities = std::move(*loaded);
    } else {
      report.problems.push_back(loaded.error().text);
    }
  }
  if (!wanted.certificate.empty()) {
    const Key key{resolved(config, wanted.certificate), resolved(config, wanted.key)};
    files_.insert(files_.end(), {key.first, key.second});
    auto loaded = tls::load_certificate(key.first, key.second);
    good = good && loaded.has_value();
    if (loaded) {
      settings.certificate = *loaded;
    } else {
      report.problems.push_back(loaded.error().text);
    }
  }
  if (!wanted.verify) {
    report.warnings.emplace_back(
        "backend_tls.verify is false: whoever answers at an https backend's address is believed");
  }
  if (!good || (client_ != nullptr && mark == client_mark_)) return;
  client_ = std::make_shared<const tls::Client>(std::move(settings));
  client_mark_ = std::move(mark);
}

std::vector<Certificates::State> Certificates::states() const {
  std::vector<State> states;
  for (const auto* const list : {&own_, &automatic_}) {
    for (const tls::CertificatePtr& one : *list) {
      const bool is_stand_in = one->path.empty();
      if (!is_stand_in) states.push_back({one->path, std::string(one->first_name()), one->not_after});
    }
  }
  return states;
}

std::vector<std::string> Certificates::ending() const {
  std::vector<std::string> sentences;
  const std::int64_t now = clock_.wall_seconds();
  for (const tls::CertificatePtr& one : own_) {
    if (one->not_after <= now) {
      sentences.push_back("the certificate in " + one->path + " has expired");
    } else if (one->not_after - now <= kWarnedBefore) {
      sentences.push_back("the certificate in " + one->path + " expires in " + days(one->not_after - now));
    }
  }
  return sentences;
}

}  // namespace lb::app
