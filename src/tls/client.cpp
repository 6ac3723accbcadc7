#include "tls/client.hpp"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <utility>

#include <boost/asio/ip/address.hpp>

#include "base/check.hpp"
#include "tls/policy.hpp"

namespace lb::tls {
namespace {

using base::Error;
using base::ErrorKind;

int index_of_sessions() noexcept {
  static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

int keep_session(SSL* ssl, SSL_SESSION* session) {
  auto* const sessions = static_cast<Sessions*>(SSL_get_ex_data(ssl, index_of_sessions()));
  if (sessions == nullptr || SSL_SESSION_is_resumable(session) != 1) return 0;
  sessions->keep(SessionPtr(session));
  return 1;  // it is ours now
}

}  // namespace

Client::Client(ClientSettings settings) : settings_(std::move(settings)), context_(SSL_CTX_new(TLS_client_method())) {
  LB_CHECK(context_);
  SSL_CTX* const raw = context_.get();
  apply_policy(*raw);
  if (settings_.authorities.empty()) {
    SSL_CTX_set_default_verify_paths(raw);
  } else {
    for (const X509Ptr& authority : settings_.authorities) {
      X509_STORE_add_cert(SSL_CTX_get_cert_store(raw), authority.get());
    }
    // One that is named is believed, be it an intermediate one, or the server's own.
    X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(raw), X509_V_FLAG_PARTIAL_CHAIN);
  }
  SSL_CTX_set_verify(raw, settings_.verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nullptr);
  if (settings_.certificate) {
    SSL_CTX_use_certificate(raw, settings_.certificate->leaf.get());
    SSL_CTX_use_PrivateKey(raw, settings_.certificate->key.get());
    for (const X509Ptr& issuer : settings_.certificate->chain) SSL_CTX_add1_chain_cert(raw, issuer.get());
  }
  constexpr std::string_view kProtocols = "\x08http/1.1";
  SSL_CTX_set_alpn_protos(raw, reinterpret_cast<const unsigned char*>(kProtocols.data()),
                          static_cast<unsigned>(kProtocols.size()));
  SSL_CTX_set_session_cache_mode(raw, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(raw, &keep_session);
  ERR_clear_error();
}

Client::~Client() = default;

SslPtr Client::connection(const std::string& host) const {
  SslPtr ssl(SSL_new(context_.get()));
  if (!ssl) return ssl;
  SSL_set_connect_state(ssl.get());
  boost::system::error_code no_address;
  static_cast<void>(boost::asio::ip::make_address(host, no_address));
  if (no_address) {
    // What SSL_set_tlsext_host_name() is, without its cast of another age.
    SSL_ctrl(ssl.get(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, const_cast<char*>(host.c_str()));
    SSL_set_hostflags(ssl.get(), X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    SSL_set1_host(ssl.get(), host.c_str());
  } else {
    X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl.get()), host.c_str());
  }
  return ssl;
}

SessionPtr Sessions::take() {
  if (sessions_.empty()) return nullptr;
  SessionPtr newest = std::move(sessions_.back());
  sessions_.pop_back();
  return newest;
}

void Sessions::keep(SessionPtr session) {
  if (sessions_.size() == kKept) sessions_.erase(sessions_.begin());
  sessions_.push_back(std::move(session));
}

void Sessions::attach(const std::shared_ptr<Sessions>& sessions, SSL& ssl) {
  SSL_set_ex_data(&ssl, index_of_sessions(), sessions.get());
  const SessionPtr known = sessions->take();
  if (!known) return;
  SSL_set_session(&ssl, known.get());
  // A session of TLS 1.2 may be used again and again; tickets of 1.3 are for once (RFC 8446 appendix C.4).
  if (SSL_SESSION_get_protocol_version(known.get()) == TLS1_2_VERSION) {
    SSL_SESSION_up_ref(known.get());
    sessions->keep(SessionPtr(known.get()));
  }
}

net::Awaitable<base::Result<net::StreamPtr>> Connector::connect(net::Tcp::endpoint address, base::Deadline deadline,
                                                                std::string_view preface) {
  if (client_ == nullptr) {
    co_return Error{ErrorKind::tls_certificate, base::Side::upstream, "the files of [backend_tls] cannot be used"};
  }
  auto plain = co_await plain_.connect(address, deadline, preface);
  if (!plain) co_return plain.error();
  SslPtr ssl = client_->connection(host_);
  if (!ssl) co_return Error{ErrorKind::no_resources, base::Side::internal, "out of memory"};
  Sessions::attach(sessions_, *ssl);
  auto stream = std::make_unique<Stream>(std::move(*plain), std::move(ssl), blocks_, base::Side::upstream, sessions_);
  const auto shaken = co_await stream->handshake(deadline);
  if (shaken) co_return net::StreamPtr(std::move(stream));
  Error error = shaken.error();
  error.side = base::Side::upstream;
  if (error.kind == ErrorKind::timeout) {
    error = {ErrorKind::connect_timeout, base::Side::upstream, "the TLS handshake timed out"};
  } else if (base::is_end_of_connection(error.kind)) {
    error = {ErrorKind::tls_protocol, base::Side::upstream, "the connection ended during the TLS handshake"};
  }
  co_return error;
}

}  // namespace lb::tls
