#include "config/admin_token.hpp"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include "config/file_text.hpp"
#include "config/schema_rows.hpp"

namespace lb::config {
namespace {

constexpr std::size_t kTokenFileBytesMax = 4096;
constexpr std::string_view kFileKey = "admin.token_file";
constexpr std::string_view kTokenKey = "admin.token";
constexpr std::string_view kAdvice = "what openssl rand -hex 24 prints would do";

std::string_view trim(std::string_view text) {
  constexpr std::string_view kSpaces = " \t\r\n";
  text.remove_prefix(std::min(text.find_first_not_of(kSpaces), text.size()));
  return text.substr(0, text.find_last_not_of(kSpaces) + 1);
}

std::string origin_of(const Origins& origins, std::string_view key) {
  const auto found = origins.find(key);
  return found == origins.end() ? std::string(key) : found->second;
}

}  // namespace

std::optional<ConfigError> read_token(Config& config, Origins& origins, const char* variable) {
  Admin& admin = config.admin;
  const std::string origin = origin_of(origins, kFileKey);
  const bool by_flag = origin.starts_with('-');
  const auto fail = [&](std::string message) {
    return ConfigError{.key = by_flag ? origin : std::string(kFileKey),
                       .message = in_quotes(admin.token_file) + ": " + std::move(message)};
  };
  if (admin.token_file.empty()) {
    if (!admin.token.empty() || variable == nullptr || *variable == '\0') return std::nullopt;
    if (!token_problem(variable).empty()) {
      return ConfigError{.key = kTokenVariable, .message = "does not hold a token; " + std::string(kAdvice)};
    }
    admin.token = variable;
    origins[std::string(kTokenKey)] = kTokenVariable;
    return std::nullopt;
  }
  // A flag takes the place of what the file says, as all flags do.
  if (!admin.token.empty() && !by_flag) return fail("is named beside admin.token; keep one of them");
  const Checked<std::string> text = read_file(admin.token_file, kTokenFileBytesMax);
  if (!text) return fail(text.errors().front().message);
  const std::string_view token = trim(text.value());
  if (token.empty()) return fail("is empty; " + std::string(kAdvice));
  if (!token_problem(token).empty()) return fail("does not hold a token; " + std::string(kAdvice));
  admin.token = token;
  origins[std::string(kTokenKey)] = admin.token_file;
  return std::nullopt;
}

}  // namespace lb::config
