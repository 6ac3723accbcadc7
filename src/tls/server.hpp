// TLS towards clients: which certificate is shown to whom, and who has to show one.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/error.hpp"
#include "net/awaitable.hpp"
#include "net/stream.hpp"
#include "tls/certificate.hpp"
#include "tls/stream.hpp"
#include "tls/ticket_keys.hpp"

namespace lb::tls {

enum class ClientCertificates : std::uint8_t { off, optional, required };

struct ServerSettings {
  bool only_1_3 = false;  // else 1.2 as well
  ClientCertificates client_certificates = ClientCertificates::off;
  std::vector<X509Ptr> client_authorities{};  // who signs them
  // The certificate that answers a challenge of an authority for this name (RFC 8737); null: there is none. Any thread.
  std::function<CertificatePtr(std::string_view name)> challenge_for{};
};

// What a client has shown of itself.
struct ClientIdentity {
  std::string subject{};  // as RFC 4514 has it
  std::string sha256{};   // of its certificate, 64 hex digits
};

// One reading of the configuration: never changes, any thread. Connections hold on to it. Made by std::make_shared.
class Server : public std::enable_shared_from_this<Server> {
 public:
  // At least one certificate; the first one serves names that none has. The keys outlive it.
  Server(std::vector<CertificatePtr> certificates, ServerSettings settings, std::shared_ptr<TicketKeys> tickets);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // A connection that waits for its client's hello.
  [[nodiscard]] std::unique_ptr<Stream> stream(net::StreamPtr inner, net::BlockPool& blocks) const;
  // After its handshake. Empty: the client has shown no certificate.
  [[nodiscard]] static ClientIdentity identity_of(Stream& stream);
  // Whether it only asked for the answer to a challenge (RFC 8737): nothing else is to follow.
  [[nodiscard]] static bool was_challenge(Stream& stream) noexcept;
  // What the client has asked for by SNI, lower case; empty: nothing.
  [[nodiscard]] static std::string name_of(Stream& stream);

  // Whether requests of a connection that was made for `name` may be for `host`, lower case both: not if that belongs
  // to another certificate, where clients have to show theirs (RFC 9110 section 7.4). Else each may.
  [[nodiscard]] bool may_ask(std::string_view name, std::string_view host) const noexcept;
  // Whether nobody is served who has shown none.
  [[nodiscard]] bool requires_certificates() const noexcept {
    return settings_.client_certificates == ClientCertificates::required;
  }
  [[nodiscard]] bool asks_for_certificates() const noexcept {
    return settings_.client_certificates != ClientCertificates::off;
  }

 private:
  using Chosen = std::vector<std::size_t>;  // certificates, one of each kind of key

  struct Callbacks;

  [[nodiscard]] Chosen with_name(std::string_view name) const;
  SSL_CTX* context_of(const Chosen& chosen);
  [[nodiscard]] SslContextPtr make_context() const;
  // Null: no certificate has the name.
  [[nodiscard]] SSL_CTX* find(std::string_view name) const noexcept;

  std::vector<CertificatePtr> certificates_;
  ServerSettings settings_;
  std::shared_ptr<TicketKeys> tickets_;
  std::map<Chosen, SslContextPtr> contexts_;
  std::unordered_map<std::string, SSL_CTX*> by_name_;  // names of certificates, stars as they are
  SSL_CTX* first_ = nullptr;
  std::string session_context_;  // what of the settings a session depends on
};

using ServerPtr = std::shared_ptr<const Server>;

}  // namespace lb::tls
