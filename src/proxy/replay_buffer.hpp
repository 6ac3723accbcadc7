// What was taken of a request body, kept for another attempt while it is small enough.
#pragma once

#include <cstddef>
#include <string>

#include "base/limits.hpp"
#include "message/body_run.hpp"

namespace lb::proxy {

class ReplayBuffer {
 public:
  void reset(std::size_t bytes_max) noexcept {
    bytes_.clear();
    bytes_max_ = bytes_max;
    complete_ = true;
  }

  // Gives back the memory that a body took, but for a little.
  void release() noexcept {
    bytes_.clear();
    if (bytes_.capacity() > base::kSmallBlockBytes) bytes_ = std::string();
    complete_ = true;
  }

  // Keeps a copy of the run; once the whole grows beyond the bound, nothing is kept any more.
  void record(const message::BodyRun& run) {
    if (!complete_) return;
    if (bytes_.size() + run.bytes > bytes_max_) return forget();
    for (const auto& piece : run.pieces) bytes_.append(static_cast<const char*>(piece.data()), piece.size());
  }

  // The body streams on and can no longer be repeated.
  void forget() noexcept {
    complete_ = false;
    bytes_ = std::string();
  }

  // Whether every byte that was taken from the client is still here.
  [[nodiscard]] bool complete() const noexcept { return complete_; }

  // All of it as one run; `ended`: nothing follows. Valid until the next record().
  [[nodiscard]] message::BodyRun run(bool ended) const {
    message::BodyRun run;
    run.bytes = bytes_.size();
    run.end = ended;
    if (!bytes_.empty()) run.pieces.emplace_back(bytes_.data(), bytes_.size());
    return run;
  }

 private:
  std::string bytes_;
  std::size_t bytes_max_ = 0;
  bool complete_ = true;
};

}  // namespace lb::proxy
