#include "acme/challenges.hpp"

#include <utility>

namespace lb::acme {

Challenges::Held::Held(Challenges& owner, std::string token, std::string name) noexcept
    : owner_(&owner), token_(std::move(token)), name_(std::move(name)) {}

Challenges::Held::Held(Held&& other) noexcept
    : owner_(std::exchange(other.owner_, nullptr)), token_(std::move(other.token_)), name_(std::move(other.name_)) {}

Challenges::Held& Challenges::Held::operator=(Held&& other) noexcept {
  if (this == &other) return *this;
  release();
  owner_ = std::exchange(other.owner_, nullptr);
  token_ = std::move(other.token_);
  name_ = std::move(other.name_);
  return *this;
}

void Challenges::Held::release() noexcept {
  if (owner_ == nullptr) return;
  const std::lock_guard lock(owner_->mutex_);
  owner_->tokens_.erase(token_);
  owner_->names_.erase(name_);
  owner_->count();
  owner_ = nullptr;
}

Challenges::Held Challenges::hold_http(std::string token, std::string key_authorization) {
  const std::lock_guard lock(mutex_);
  tokens_[token] = std::move(key_authorization);
  count();
  return {*this, std::move(token), {}};
}

Challenges::Held Challenges::hold_alpn(std::string domain, std::shared_ptr<const AlpnCertificate> certificate) {
  const std::lock_guard lock(mutex_);
  names_[domain] = std::move(certificate);
  count();
  return {*this, {}, std::move(domain)};
}

std::optional<std::string> Challenges::key_authorization(std::string_view token) const {
  if (empty()) return std::nullopt;
  const std::lock_guard lock(mutex_);
  const auto found = tokens_.find(token);
  if (found == tokens_.end()) return std::nullopt;
  return found->second;
}

std::shared_ptr<const AlpnCertificate> Challenges::alpn_certificate(std::string_view server_name) const {
  if (empty()) return nullptr;
  std::string name(server_name);
  for (char& c : name) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  const std::lock_guard lock(mutex_);
  const auto found = names_.find(name);
  return found == names_.end() ? nullptr : found->second;
}

}  // namespace lb::acme
