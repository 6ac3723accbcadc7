#include "http/cookies.hpp"

#include "http/text.hpp"

namespace lb::http {
namespace {

// Calls visit(whole, name, value) for each pair, until it says false.
template <class Visit>
void for_each_cookie(std::string_view list, Visit visit) {
  while (!list.empty()) {
    const std::size_t end = std::min(list.find(';'), list.size());
    const std::string_view pair = trimmed(list.substr(0, end));
    list.remove_prefix(std::min(end + 1, list.size()));
    const std::size_t sign = std::min(pair.find('='), pair.size());
    const std::string_view value = pair.substr(std::min(sign + 1, pair.size()));
    if (!pair.empty() && !visit(pair, trimmed(pair.substr(0, sign)), trimmed(value))) return;
  }
}

}  // namespace

std::string_view cookie_value(const Fields& fields, std::string_view name) noexcept {
  std::string_view found;
  if (!fields.has(FieldId::cookie)) return found;
  for (const Field& field : fields) {
    if (field.id != FieldId::cookie) continue;
    for_each_cookie(field.value, [&](std::string_view, std::string_view its, std::string_view value) {
      if (its == name) found = value;
      return its != name;
    });
    if (!found.empty()) break;
  }
  return found;
}

bool has_cookie(std::string_view value, std::string_view name) noexcept {
  bool found = false;
  for_each_cookie(value, [&](std::string_view, std::string_view its, std::string_view) {
    found = its == name;
    return !found;
  });
  return found;
}

std::string without_cookie(std::string_view value, std::string_view name) {
  std::string kept;
  bool first = true;
  for (bool more = true; more;) {
    const std::size_t end = std::min(value.find(';'), value.size());
    more = end < value.size();
    std::string_view pair = value.substr(0, end);
    value.remove_prefix(std::min(end + 1, value.size()));
    const std::string_view bare = trimmed(pair);
    if (trimmed(bare.substr(0, bare.find('='))) == name) continue;
    if (first) pair = pair.substr(std::min(pair.find_first_not_of(" \t"), pair.size()));
    kept.append(first ? "" : ";").append(pair);
    first = false;
  }
  return kept;
}

}  // namespace lb::http
