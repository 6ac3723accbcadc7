// What is kept in a folder, so that a restart asks nobody for what is there already, and never asks too often.
//
//   account.key.pem          the key of the account; of any authority, as signatures name the address they are for
//   account.json             its address, and the directory that it belongs to
//   certificates/DOMAIN.pem  the chain, then its key
//   attempts/DOMAIN.json     failures since the last success
//   authority.json           the same, of what concerns all domains
//   lock                     held by the instance that is about to ask
//
// A chain and its key are one file: it is replaced by one rename, so that no crash leaves a chain with the key of
// another. HAProxy takes such a file as it is.
#pragma once

#include <ctime>
#include <optional>
#include <string>

#include "acme/certificate.hpp"
#include "acme/file.hpp"
#include "acme/key.hpp"
#include "acme/problem.hpp"

namespace lb::acme {

struct Account {
  std::string url;
  std::string directory;
  std::string email;
};

struct StoredCertificate {
  Certificate certificate;
  std::string directory;  // of the authority that gave it
};

struct Attempts {
  unsigned failures = 0;  // in a row
  std::time_t at = 0;     // of the last one, Unix seconds
  std::time_t next = 0;   // not to be tried before
  std::string problem{};
  std::string directory{};  // of the authority that was asked
};

class Storage {
 public:
  explicit Storage(std::string folder) : folder_(std::move(folder)) {}

  [[nodiscard]] const std::string& folder() const noexcept { return folder_; }

  // Makes the folders. The first thing to be done.
  [[nodiscard]] std::optional<Problem> prepare() const;
  // An empty optional: another instance holds it. Everything that saves is for the holder.
  [[nodiscard]] Outcome<std::optional<FileLock>> lock() const;

  // Made when there is none.
  [[nodiscard]] Outcome<Key> account_key() const;
  // Nothing: there is none, or it cannot be read, or it is one of another directory.
  [[nodiscard]] std::optional<Account> account(const std::string& directory) const;
  [[nodiscard]] std::optional<Problem> save_account(const Account& account) const;

  [[nodiscard]] std::string path_of(const std::string& domain) const;
  // An empty optional: there is none.
  [[nodiscard]] Outcome<std::optional<StoredCertificate>> certificate(const std::string& domain) const;
  [[nodiscard]] std::optional<Problem> save_certificate(const std::string& domain,
                                                        const StoredCertificate& stored) const;

  // An empty domain: of the authority. Those of another directory, and what cannot be read, are none.
  [[nodiscard]] Attempts attempts(const std::string& domain, const std::string& directory) const;
  [[nodiscard]] std::optional<Problem> save_attempts(const std::string& domain, const Attempts& attempts) const;
  [[nodiscard]] std::optional<Problem> forget_attempts(const std::string& domain) const;
  [[nodiscard]] std::string attempts_path(const std::string& domain) const;

 private:
  std::string folder_;
};

}  // namespace lb::acme
