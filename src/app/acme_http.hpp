// How the authority of [acme] is asked: over TLS, on the control thread.
#pragma once

#include <string>
#include <vector>

#include "acme/http.hpp"
#include "net/connector.hpp"
#include "net/worker.hpp"
#include "tls/client.hpp"
#include "upstream/resolver.hpp"

namespace lb::app {

// A connection for each question: there are few.
class AcmeHttp final : public acme::Http {
 public:
  // Both outlive it.
  AcmeHttp(net::Worker& control, upstream::Resolver& resolver);

  // Whom the authority is believed by, from now on.
  void trust(tls::ClientPtr client) { client_ = std::move(client); }

  net::Awaitable<base::Result<acme::HttpAnswer>> send(acme::HttpRequest request, base::Deadline deadline) override;

 private:
  net::Awaitable<net::Addresses> addresses_of(std::string host, std::uint16_t port, base::Deadline deadline);
  net::Awaitable<base::Result<net::StreamPtr>> connect(std::string host, std::uint16_t port, base::Deadline deadline);

  net::Worker& control_;
  upstream::Resolver& resolver_;
  net::TcpConnector plain_;
  tls::ClientPtr client_;
};

}  // namespace lb::app
