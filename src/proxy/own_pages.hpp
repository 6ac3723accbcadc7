// Pages that the balancer has itself, in place of the backends.
#pragma once

#include <optional>

#include "http/message.hpp"
#include "message/own_answer.hpp"

namespace lb::proxy {

// Any thread; asked for each request, so that any() is to be cheap.
class OwnPages {
 public:
  OwnPages() = default;
  OwnPages(const OwnPages&) = delete;
  OwnPages& operator=(const OwnPages&) = delete;
  virtual ~OwnPages() = default;

  // False: find() would find nothing.
  [[nodiscard]] virtual bool any() const noexcept = 0;
  // None: the request goes to a backend.
  [[nodiscard]] virtual std::optional<message::OwnAnswer> find(const http::RequestHead& head) const = 0;
};

}  // namespace lb::proxy
