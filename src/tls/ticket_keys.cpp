#include "tls/ticket_keys.hpp"

#include <algorithm>
#include <openssl/crypto.h>
#include <openssl/rand.h>

namespace lb::tls {

TicketKeys::~TicketKeys() {
  OPENSSL_cleanse(keys_.data(), keys_.size() * sizeof(TicketKey));
}

void TicketKeys::replace_old() {
  const base::TimePoint now = clock_.now();
  const auto is_gone = [&](const TicketKey& key) { return now - key.made >= kReplacedAfter * kKept; };
  std::erase_if(keys_, is_gone);
  if (!keys_.empty() && now - keys_.front().made < kReplacedAfter) return;
  TicketKey key;
  key.made = now;
  const auto draw = [](auto& bytes) { return RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) == 1; };
  if (!draw(key.name) || !draw(key.cipher) || !draw(key.mac)) return;
  keys_.insert(keys_.begin(), key);
  if (keys_.size() > kKept) keys_.pop_back();
}

std::optional<TicketKey> TicketKeys::newest() {
  const std::scoped_lock lock(mutex_);
  replace_old();
  return keys_.empty() ? std::nullopt : std::optional(keys_.front());
}

std::optional<TicketKey> TicketKeys::find(const unsigned char* name, bool& is_newest) {
  const std::scoped_lock lock(mutex_);
  replace_old();
  const auto found = std::ranges::find_if(
      keys_, [&](const TicketKey& key) { return std::equal(key.name.begin(), key.name.end(), name); });
  is_newest = found == keys_.begin();
  return found == keys_.end() ? std::nullopt : std::optional(*found);
}

}  // namespace lb::tls
