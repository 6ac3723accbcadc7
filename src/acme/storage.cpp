#include "acme/storage.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include <boost/json/serialize.hpp>

#include "acme/json.hpp"
#include "acme/text.hpp"

namespace lb::acme {
namespace {

namespace json = boost::json;

constexpr std::string_view kDirectoryLine = "Directory: ";

// What is written in front of the blocks, which readers of PEM pass over.
std::string directory_in(std::string_view text) {
  const std::size_t begin = text.find(kDirectoryLine);
  if (begin == std::string_view::npos || begin > text.find("-----BEGIN")) return {};
  text.remove_prefix(begin + kDirectoryLine.size());
  return std::string(text.substr(0, text.find('\n')));
}

}  // namespace

std::optional<Problem> Storage::prepare() const {
  for (const char* name : {"", "/certificates", "/attempts"}) {
    if (auto problem = make_folder(folder_ + name)) return problem;
  }
  return std::nullopt;
}

Outcome<std::optional<FileLock>> Storage::lock() const {
  return FileLock::take(folder_ + "/lock");
}

Outcome<Key> Storage::account_key() const {
  const std::string path = folder_ + "/account.key.pem";
  const auto text = read_file(path);
  if (!text) return text.problem();
  if (text->has_value()) {
    if (auto key = Key::read(**text)) return std::move(*key);
    // It is not replaced: the account would be lost.
    return Problem{harmless(path) + " holds no private key of P-256 in PEM; mend it, or remove it for a new account"};
  }
  Key key = Key::make();
  if (auto problem = write_file(path, key.pem())) return std::move(*problem);
  return key;
}

std::optional<Account> Storage::account(const std::string& directory) const {
  const auto text = read_file(folder_ + "/account.json");
  if (!text || !text->has_value()) return std::nullopt;
  const auto object = read_object(**text);
  if (!object) return std::nullopt;
  Account account{text_of(*object, "url"), text_of(*object, "directory"), text_of(*object, "email")};
  if (account.directory != directory || !is_url(account.url)) return std::nullopt;
  return account;
}

std::optional<Problem> Storage::save_account(const Account& account) const {
  json::object object;
  object["url"] = account.url;
  object["directory"] = account.directory;
  object["email"] = account.email;
  return write_file(folder_ + "/account.json", json::serialize(object) + "\n");
}

std::string Storage::path_of(const std::string& domain) const {
  return folder_ + "/certificates/" + domain + ".pem";
}

Outcome<std::optional<StoredCertificate>> Storage::certificate(const std::string& domain) const {
  const std::string path = path_of(domain);
  const auto text = read_file(path);
  if (!text) return text.problem();
  if (!text->has_value()) return std::optional<StoredCertificate>();
  const auto key = Key::read(**text);
  if (!key) return Problem{harmless(path) + " holds no private key of P-256 in PEM"};
  auto certificate = read_certificate(**text, *key, domain);
  if (!certificate) return Problem{"of " + harmless(path) + ": " + certificate.problem().text};
  return std::optional<StoredCertificate>(StoredCertificate{std::move(*certificate), directory_in(**text)});
}

std::optional<Problem> Storage::save_certificate(const std::string& domain, const StoredCertificate& stored) const {
  const std::string head = "The certificate of " + domain + " with its key, by load-balancer.\n" +
                           std::string(kDirectoryLine) + stored.directory + "\n\n";
  return write_file(path_of(domain), head + stored.certificate.pair.chain + stored.certificate.pair.key);
}

std::string Storage::attempts_path(const std::string& domain) const {
  return domain.empty() ? folder_ + "/authority.json" : folder_ + "/attempts/" + domain + ".json";
}

Attempts Storage::attempts(const std::string& domain, const std::string& directory) const {
  const auto text = read_file(attempts_path(domain));
  if (!text || !text->has_value()) return {};
  const auto object = read_object(**text);
  if (!object || text_of(*object, "directory") != directory) return {};
  Attempts attempts;
  const std::int64_t failures = number_of(*object, "failures");
  attempts.failures = static_cast<unsigned>(std::clamp<std::int64_t>(failures, 0, 1'000'000));
  attempts.at = number_of(*object, "at");
  attempts.next = number_of(*object, "next");
  attempts.problem = harmless(text_of(*object, "problem"));
  attempts.directory = directory;
  return attempts;
}

std::optional<Problem> Storage::save_attempts(const std::string& domain, const Attempts& attempts) const {
  json::object object;
  object["failures"] = attempts.failures;
  object["at"] = static_cast<std::int64_t>(attempts.at);
  object["next"] = static_cast<std::int64_t>(attempts.next);
  object["problem"] = attempts.problem;
  object["directory"] = attempts.directory;
  return write_file(attempts_path(domain), json::serialize(object) + "\n");
}

std::optional<Problem> Storage::forget_attempts(const std::string& domain) const {
  return remove_file(attempts_path(domain));
}

}  // namespace lb::acme
