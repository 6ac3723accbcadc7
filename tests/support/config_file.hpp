// A configuration file that a test changes under a running balancer.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "support/balancer.hpp"

namespace lb::support {

class ConfigFile {
 public:
  explicit ConfigFile(std::string_view text) { write(text); }

  // In place.
  void write(std::string_view text) { path_ = directory_.write("load-balancer.toml", text); }

  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  [[nodiscard]] std::string folder() const { return path_.substr(0, path_.rfind('/')); }
  // For a Balancer that takes everything else from the file.
  [[nodiscard]] std::vector<std::string> flags(const std::vector<std::string>& more = {}) const {
    std::vector<std::string> all{"-config", path_};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }

 private:
  TemporaryDirectory directory_;
  std::string path_;
};

// The table of a backend, with further lines of it.
[[nodiscard]] std::string table_of(const std::string& url, std::string_view lines = {});
[[nodiscard]] std::string tables_of(const std::vector<const ScriptedBackend*>& backends);

// Changes the file, sends SIGHUP and waits until the new configuration is in force.
void reload(const Balancer& balancer, ConfigFile& file, std::string_view text);

inline constexpr std::string_view kInForce = "the configuration is in force";
inline constexpr std::string_view kRefused = "the configuration was refused";

// The first letters of the answers to so many requests, one after the other on one connection.
[[nodiscard]] std::string letters(Client& client, int count);
[[nodiscard]] std::string letters(const Balancer& balancer, int count);

}  // namespace lb::support
