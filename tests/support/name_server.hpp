// A name server that says of each name what a test wants, by UDP on a free port of 127.0.0.1.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "support/wire.hpp"

namespace lb::support {

class NameServer {
 public:
  enum class Says : std::uint8_t { addresses, no_such_name, failure, nothing };

  struct Name {
    std::vector<std::string> v4{};  // none: there are no such records
    std::vector<std::string> v6{};
    std::uint32_t ttl = 60;  // in seconds
    Says says = Says::addresses;
    Says says_of_v6 = Says::addresses;  // unless `says` is something else
  };

  NameServer();
  ~NameServer();
  NameServer(const NameServer&) = delete;
  NameServer& operator=(const NameServer&) = delete;

  // From now on. Names that it was not told of do not exist.
  void set(const std::string& name, Name what);

  [[nodiscard]] std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  // For a configuration file.
  [[nodiscard]] std::string toml(std::string_view more = {}) const {
    return "[resolver]\nservers = [\"" + address() + "\"]\n" + std::string(more);
  }
  // Questions about the name's addresses of IPv4.
  [[nodiscard]] std::size_t questions(const std::string& name) const;
  // False when there were fewer in time.
  [[nodiscard]] bool wait_for_questions(const std::string& name, std::size_t count, Deadline deadline = within()) const;

 private:
  void serve();
  [[nodiscard]] std::string answer_to(std::string_view question);

  Descriptor socket_;
  Descriptor wake_;  // eventfd: the thread ends
  std::uint16_t port_ = 0;
  mutable std::mutex mutex_;
  std::map<std::string, Name> names_;
  std::map<std::string, std::size_t> questions_;
  std::thread thread_;
};

}  // namespace lb::support
