// What the authority comes to look for, to see that a domain is ours.
#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "acme/certificate.hpp"

namespace lb::acme {

// The path of http-01 (RFC 8555 section 8.3) without the token, and the protocol of tls-alpn-01 (RFC 8737 section 4).
inline constexpr std::string_view kHttpChallengePath = "/.well-known/acme-challenge/";
inline constexpr std::string_view kAlpnProtocol = "acme-tls/1";

// The control thread puts them in; any thread asks, nearly always for nothing: then it is one load.
class Challenges {
 public:
  // Holds a challenge for as long as it lives.
  class Held {
   public:
    Held() = default;
    Held(Held&& other) noexcept;
    Held& operator=(Held&& other) noexcept;
    ~Held() { release(); }

   private:
    friend class Challenges;
    Held(Challenges& owner, std::string token, std::string name) noexcept;
    void release() noexcept;

    Challenges* owner_ = nullptr;
    std::string token_;
    std::string name_;
  };

  Challenges() = default;
  Challenges(const Challenges&) = delete;
  Challenges& operator=(const Challenges&) = delete;

  // A challenge with the same token, or name, is replaced. The holder does not outlive this object.
  [[nodiscard]] Held hold_http(std::string token, std::string key_authorization);
  [[nodiscard]] Held hold_alpn(std::string domain, std::shared_ptr<const AlpnCertificate> certificate);

  [[nodiscard]] bool empty() const noexcept { return count_.load(std::memory_order_acquire) == 0; }

  // The body of the answer to GET kHttpChallengePath + token, with 200 and application/octet-stream.
  [[nodiscard]] std::optional<std::string> key_authorization(std::string_view token) const;
  // For a ClientHello that names the server so, whatever the case of its letters, and offers kAlpnProtocol alone.
  [[nodiscard]] std::shared_ptr<const AlpnCertificate> alpn_certificate(std::string_view server_name) const;

 private:
  void count() noexcept { count_.store(tokens_.size() + names_.size(), std::memory_order_release); }

  mutable std::mutex mutex_;
  std::map<std::string, std::string, std::less<>> tokens_;
  std::map<std::string, std::shared_ptr<const AlpnCertificate>, std::less<>> names_;
  std::atomic<std::size_t> count_{0};
};

}  // namespace lb::acme
