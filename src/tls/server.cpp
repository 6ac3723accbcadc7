#include "tls/server.hpp"

#include <algorithm>
#include <array>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <utility>

#include "base/check.hpp"
#include "tls/policy.hpp"

namespace lb::tls {
namespace {

constexpr std::string_view kHttp11 = "http/1.1";
constexpr std::string_view kAcme = "acme-tls/1";
constexpr long kSessionSeconds = 24L * 3600;

// Of protocols as ALPN writes them (RFC 7301): a length in front of each.
bool offers(std::string_view offered, std::string_view wanted) noexcept {
  while (!offered.empty()) {
    const auto size = static_cast<unsigned char>(offered.front());
    if (offered.substr(1, size) == wanted) return true;
    offered.remove_prefix(std::min<std::size_t>(offered.size(), size + 1U));
  }
  return false;
}

// An extension of the hello without its outer length of two bytes; empty: it is not there, or malformed.
std::string_view list_extension(SSL* ssl, unsigned type) noexcept {
  const unsigned char* data = nullptr;
  std::size_t size = 0;
  if (SSL_client_hello_get0_ext(ssl, type, &data, &size) != 1 || size < 2) return {};
  const std::size_t inner = static_cast<std::size_t>(data[0]) << 8U | data[1];
  if (inner != size - 2) return {};
  return {reinterpret_cast<const char*>(data) + 2, inner};
}

// RFC 6066 section 3: the one name of the type host_name, lower case.
std::string asked_name(SSL* ssl) {
  const std::string_view list = list_extension(ssl, TLSEXT_TYPE_server_name);
  if (list.size() < 3 || list[0] != TLSEXT_NAMETYPE_host_name) return {};
  const std::size_t size =
      static_cast<std::size_t>(static_cast<unsigned char>(list[1])) << 8U | static_cast<unsigned char>(list[2]);
  if (size > list.size() - 3) return {};
  std::string_view name = list.substr(3, size);
  if (name.ends_with('.')) name.remove_suffix(1);
  return lower(name);
}

// Sessions are good in the context alone that they were made in.
void set_session_context(SSL& ssl, std::string_view text) noexcept {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha256(), nullptr);
  SSL_set_session_id_context(&ssl, digest.data(), SSL_MAX_SID_CTX_LENGTH);
}

// Looked up once: to look it up again costs as much as it does for a ticket.
EVP_CIPHER* ticket_cipher() noexcept {
  static EVP_CIPHER* const cipher = EVP_CIPHER_fetch(nullptr, "AES-256-CBC", nullptr);
  return cipher;
}

int index_of_server() noexcept {
  static const int index = SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

}  // namespace

// What OpenSSL calls.
struct Server::Callbacks {
  static const Server& server_of(SSL* ssl) noexcept {
    return *static_cast<const Server*>(SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), index_of_server()));
  }

  static int hello(SSL* ssl, int* /*alert*/, void* /*argument*/) {
    const Server& server = server_of(ssl);
    const std::string name = asked_name(ssl);
    if (server.settings_.challenge_for &&
        offers(list_extension(ssl, TLSEXT_TYPE_application_layer_protocol_negotiation), kAcme)) {
      if (const CertificatePtr challenge = server.settings_.challenge_for(name)) answer_challenge(ssl, *challenge);
    } else if (SSL_CTX* const context = server.find(name)) {
      SSL_set_SSL_CTX(ssl, context);
    }
    // Who was let in for one site has not been for another one, be it by a ticket (RFC 6066 section 3).
    if (server.asks_for_certificates()) set_session_context(*ssl, server.session_context_ + name);
    return SSL_CLIENT_HELLO_SUCCESS;
  }

  static void answer_challenge(SSL* ssl, const Certificate& challenge) {
    // Whoever asks so gets a certificate and nothing else: no ticket that would be good for requests.
    SSL_set_verify(ssl, SSL_VERIFY_NONE, nullptr);
    SSL_set_options(ssl, SSL_OP_NO_TICKET);
    SSL_set_num_tickets(ssl, 0);
    SSL_set_session_id_context(ssl, reinterpret_cast<const unsigned char*>(kAcme.data()),
                               static_cast<unsigned>(kAcme.size()));
    SSL_certs_clear(ssl);
    SSL_use_certificate(ssl, challenge.leaf.get());
    SSL_use_PrivateKey(ssl, challenge.key.get());
  }

  static int choose_protocol(SSL* ssl, const unsigned char** out, unsigned char* out_size, const unsigned char* in,
                             unsigned in_size, void* /*argument*/) {
    const std::string_view offered(reinterpret_cast<const char*>(in), in_size);
    std::string_view chosen;
    if (server_of(ssl).settings_.challenge_for && offers(offered, kAcme)) {
      chosen = kAcme;
    } else if (offers(offered, kHttp11)) {
      chosen = kHttp11;
    } else {
      return SSL_TLSEXT_ERR_ALERT_FATAL;
    }
    *out = reinterpret_cast<const unsigned char*>(chosen.data());
    *out_size = static_cast<unsigned char>(chosen.size());
    return SSL_TLSEXT_ERR_OK;
  }

  static int ticket_key(SSL* ssl, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac,
                        int encrypts) {
    TicketKeys& keys = *server_of(ssl).tickets_;
    bool is_newest = true;
    auto key = encrypts == 1 ? keys.newest() : keys.find(name, is_newest);
    if (!key) return encrypts == 1 ? -1 : 0;
    if (encrypts == 1) {
      std::ranges::copy(key->name, name);
      if (RAND_bytes(iv, EVP_CIPHER_get_iv_length(ticket_cipher())) != 1) return -1;
    }
    std::array<OSSL_PARAM, 3> parameters = {
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key->mac.data(), key->mac.size()),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, const_cast<char*>("SHA256"), 0),
        OSSL_PARAM_construct_end()};
    const bool ready = EVP_CipherInit_ex(cipher, ticket_cipher(), nullptr, key->cipher.data(), iv, encrypts) == 1 &&
                       EVP_MAC_CTX_set_params(mac, parameters.data()) == 1;
    OPENSSL_cleanse(&*key, sizeof *key);
    if (!ready) return -1;
    return is_newest ? 1 : 2;
  }
};

Server::Server(std::vector<CertificatePtr> certificates, ServerSettings settings, std::shared_ptr<TicketKeys> tickets)
    : certificates_(std::move(certificates)), settings_(std::move(settings)), tickets_(std::move(tickets)) {
  LB_CHECK(!certificates_.empty());
  session_context_ = settings_.only_1_3 ? "1.3" : "1.2";
  session_context_ += std::to_string(static_cast<int>(settings_.client_certificates));
  for (const X509Ptr& authority : settings_.client_authorities) session_context_ += sha256_of(*authority);
  const CertificatePtr& first = certificates_.front();
  first_ = context_of(first->names.empty() ? Chosen{0} : with_name(first->names.front()));
  for (const CertificatePtr& one : certificates_) {
    for (const std::string& name : one->names) {
      if (!by_name_.contains(name)) by_name_.emplace(name, context_of(with_name(name)));
    }
  }
}

Server::~Server() = default;

// One of each kind of key: the first that has the name.
Server::Chosen Server::with_name(std::string_view name) const {
  Chosen chosen;
  std::vector<int> kinds;
  for (std::size_t i = 0; i < certificates_.size(); ++i) {
    const Certificate& one = *certificates_[i];
    const int kind = EVP_PKEY_get_base_id(one.key.get());
    if (std::ranges::find(one.names, name) == one.names.end() || std::ranges::find(kinds, kind) != kinds.end())
      continue;
    chosen.push_back(i);
    kinds.push_back(kind);
  }
  return chosen;
}

SSL_CTX* Server::context_of(const Chosen& chosen) {
  SslContextPtr& context = contexts_[chosen];
  if (context) return context.get();
  context = make_context();
  for (const std::size_t index : chosen) {
    const Certificate& one = *certificates_[index];
    SSL_CTX_use_certificate(context.get(), one.leaf.get());
    SSL_CTX_use_PrivateKey(context.get(), one.key.get());
    for (const X509Ptr& issuer : one.chain) SSL_CTX_add1_chain_cert(context.get(), issuer.get());
  }
  ERR_clear_error();
  return context.get();
}

SslContextPtr Server::make_context() const {
  SslContextPtr context(SSL_CTX_new(TLS_server_method()));
  LB_CHECK(context);
  SSL_CTX* const raw = context.get();
  apply_policy(*raw);
  if (settings_.only_1_3) SSL_CTX_set_min_proto_version(raw, TLS1_3_VERSION);
  SSL_CTX_set_options(raw, SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
  SSL_CTX_set_session_cache_mode(raw, SSL_SESS_CACHE_OFF);  // tickets alone: nothing is kept for clients
  SSL_CTX_set_num_tickets(raw, 1);                          // each connection gives one, and the next one takes one
  SSL_CTX_set_timeout(raw, kSessionSeconds);
  SSL_CTX_set_ex_data(raw, index_of_server(), const_cast<Server*>(this));
  SSL_CTX_set_client_hello_cb(raw, &Callbacks::hello, nullptr);
  SSL_CTX_set_alpn_select_cb(raw, &Callbacks::choose_protocol, nullptr);
  SSL_CTX_set_tlsext_ticket_key_evp_cb(raw, &Callbacks::ticket_key);

  // Tickets are good only for what was asked of their clients.
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  EVP_Digest(session_context_.data(), session_context_.size(), digest.data(), &size, EVP_sha256(), nullptr);
  SSL_CTX_set_session_id_context(raw, digest.data(), SSL_MAX_SID_CTX_LENGTH);

  if (!asks_for_certificates()) return context;
  const bool required = settings_.client_certificates == ClientCertificates::required;
  SSL_CTX_set_verify(raw, SSL_VERIFY_PEER | (required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0), nullptr);
  X509_STORE* const store = SSL_CTX_get_cert_store(raw);
  for (const X509Ptr& authority : settings_.client_authorities) {
    X509_STORE_add_cert(store, authority.get());
    SSL_CTX_add_client_CA(raw, authority.get());
  }
  ERR_clear_error();
  return context;
}

SSL_CTX* Server::find(std::string_view name) const noexcept {
  if (name.empty()) return nullptr;
  const auto exact = by_name_.find(std::string(name));
  if (exact != by_name_.end()) return exact->second;
  const std::size_t dot = name.find('.');
  if (dot == std::string_view::npos) return nullptr;
  const auto wild = by_name_.find('*' + std::string(name.substr(dot)));
  return wild == by_name_.end() ? nullptr : wild->second;
}

std::unique_ptr<Stream> Server::stream(net::StreamPtr inner, net::BlockPool& blocks) const {
  SslPtr ssl(SSL_new(first_));
  if (!ssl) return nullptr;
  SSL_set_accept_state(ssl.get());
  return std::make_unique<Stream>(std::move(inner), std::move(ssl), blocks, base::Side::downstream, shared_from_this());
}

ClientIdentity Server::identity_of(Stream& stream) {
  const X509* const certificate = SSL_get0_peer_certificate(&stream.ssl());
  if (certificate == nullptr) return {};
  return {subject_of(*certificate), sha256_of(*certificate)};
}

bool Server::was_challenge(Stream& stream) noexcept {
  const unsigned char* chosen = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(&stream.ssl(), &chosen, &size);
  return std::string_view(reinterpret_cast<const char*>(chosen), size) == kAcme;
}

std::string Server::name_of(Stream& stream) {
  const char* const name = SSL_get_servername(&stream.ssl(), TLSEXT_NAMETYPE_host_name);
  if (name == nullptr) return {};
  std::string text = lower(name);
  if (text.ends_with('.')) text.pop_back();
  return text;
}

bool Server::may_ask(std::string_view name, std::string_view host) const noexcept {
  if (!asks_for_certificates()) return true;
  SSL_CTX* const other = find(host);
  if (other == nullptr) return true;
  SSL_CTX* const named = find(name);
  SSL_CTX* const made_for = named != nullptr ? named : first_;
  if (other == made_for) return true;
  // One that was shown may hold both names.
  const auto chosen_by = [this](SSL_CTX* context) {
    return std::ranges::find_if(contexts_, [context](const auto& one) { return one.second.get() == context; })->first;
  };
  const Chosen shown = chosen_by(made_for);
  return std::ranges::any_of(chosen_by(other),
                             [&](std::size_t one) { return std::ranges::find(shown, one) != shown.end(); });
}

}  // namespace lb::tls
