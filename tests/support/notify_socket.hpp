// What a supervisor such as systemd hears (sd_notify(3)): the socket that NOTIFY_SOCKET names.
#pragma once

#include <optional>
#include <string>

#include "support/wire.hpp"

namespace lb::support {

class NotifySocket {
 public:
  enum class Name : std::uint8_t { file, abstract };

  // Processes that are started while this lives are told of it.
  explicit NotifySocket(Name name);
  ~NotifySocket();
  NotifySocket(const NotifySocket&) = delete;
  NotifySocket& operator=(const NotifySocket&) = delete;

  // The next message; nothing: none came in time.
  [[nodiscard]] std::optional<std::string> receive(Deadline deadline = within());

 private:
  Descriptor socket_;
  std::string path_;  // empty: abstract
};

}  // namespace lb::support
