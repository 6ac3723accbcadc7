#include "proxy/stickiness.hpp"

#include <algorithm>
#include <array>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <utility>

#include "base/check.hpp"

namespace lb::proxy {
namespace {

// Of the hash: nobody guesses 128 bits.
constexpr std::size_t kBytes = 16;

// RFC 4648 section 5, without padding.
std::string base64url(const unsigned char* bytes, std::size_t size) {
  constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string text;
  unsigned bits = 0;
  unsigned held = 0;
  for (std::size_t i = 0; i < size; ++i) {
    held = held << 8U | bytes[i];
    for (bits += 8; bits >= 6; bits -= 6) text.push_back(kAlphabet[held >> (bits - 6) & 63U]);
  }
  if (bits > 0) text.push_back(kAlphabet[held << (6 - bits) & 63U]);
  return text;
}

std::string value_for(std::string_view secret, std::string_view url) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> hash{};
  unsigned size = 0;
  const unsigned char* const made =
      HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
           reinterpret_cast<const unsigned char*>(url.data()), url.size(), hash.data(), &size);
  LB_CHECK(made != nullptr && size >= kBytes);
  return base64url(hash.data(), kBytes);
}

}  // namespace

Stickiness::Stickiness(std::string name, std::string_view secret, const upstream::Members& members)
    : name_(std::move(name)), members_(members) {
  for (std::uint32_t i = 0; i < members.size(); ++i) by_value_.push_back({value_for(secret, members[i].url()), i});
  std::ranges::sort(by_value_, {}, &Entry::value);
}

std::optional<std::uint32_t> Stickiness::find(std::string_view value) const noexcept {
  const auto found =
      std::ranges::lower_bound(by_value_, value, {}, [](const Entry& one) { return std::string_view(one.value); });
  if (found == by_value_.end() || found->value != value) return std::nullopt;
  return found->member;
}

std::string Stickiness::cookie_for(const upstream::Endpoint& endpoint, bool secure) const {
  for (const Entry& one : by_value_) {
    if (&members_[one.member] != &endpoint) continue;
    return name_ + "=" + one.value + "; Path=/; HttpOnly; SameSite=Lax" + (secure ? "; Secure" : "");
  }
  return {};
}

}  // namespace lb::proxy
