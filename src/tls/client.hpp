// TLS towards backends.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "net/connector.hpp"
#include "tls/certificate.hpp"
#include "tls/stream.hpp"

namespace lb::tls {

struct ClientSettings {
  bool verify = true;
  std::vector<X509Ptr> authorities{};  // none: the system's
  CertificatePtr certificate{};        // for servers that ask; null: none
};

// What connections to servers have in common. Never changes, any thread.
class Client {
 public:
  explicit Client(ClientSettings settings);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // A connection that is about to say hello to `host`, which is a name or an address: what its certificate has to be
  // for, and, of a name, what is asked for by SNI.
  [[nodiscard]] SslPtr connection(const std::string& host) const;

 private:
  ClientSettings settings_;
  SslContextPtr context_;
};

using ClientPtr = std::shared_ptr<const Client>;

// Sessions with one server, newest last, to be resumed. One worker's.
class Sessions {
 public:
  // Null: none.
  [[nodiscard]] SessionPtr take();
  void keep(SessionPtr session);
  // From now on the connection's sessions come here. It is kept alive by the connection.
  static void attach(const std::shared_ptr<Sessions>& sessions, SSL& ssl);

 private:
  static constexpr std::size_t kKept = 8;
  std::vector<SessionPtr> sessions_;
};

// Connects to one server, as plain as another connector does, and shakes hands. One worker's.
class Connector final : public net::Connector {
 public:
  // `plain` and `blocks` outlive it. `host` as Client::connection() has it. Without a client every attempt fails.
  Connector(net::Connector& plain, ClientPtr client, std::string host, net::BlockPool& blocks)
      : plain_(plain),
        client_(std::move(client)),
        host_(std::move(host)),
        blocks_(blocks),
        sessions_(std::make_shared<Sessions>()) {}

  // Errors: those of the plain one, connect_timeout, tls_certificate, tls_protocol, tls_alert.
  [[nodiscard]] net::Awaitable<base::Result<net::StreamPtr>> connect(net::Tcp::endpoint address,
                                                                     base::Deadline deadline,
                                                                     std::string_view preface) override;
  [[nodiscard]] net::DeadlineWheel& wheel() const noexcept override { return plain_.wheel(); }

 private:
  net::Connector& plain_;
  ClientPtr client_;
  std::string host_;
  net::BlockPool& blocks_;
  std::shared_ptr<Sessions> sessions_;
};

}  // namespace lb::tls
