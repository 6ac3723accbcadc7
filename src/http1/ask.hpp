// One question on a connection of its own, for those who ask something themselves: health checks, -status.
#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "base/function_ref.hpp"
#include "http/message.hpp"
#include "net/awaitable.hpp"
#include "net/block_pool.hpp"
#include "net/stream.hpp"

namespace lb::http1 {

struct Answered {
  unsigned status = 0;
  std::string body;  // as far as it was read
  bool is_whole = false;
  std::vector<std::pair<std::string, std::string>> fields{};  // names in small letters; if they were asked for
  std::string problem;  // why there is no answer, or not all of it, for people; empty: there is what was asked for
};

struct Question {
  http::Method method = http::Method::get;
  std::string head;                // as it is sent: request line, fields, empty line, and a body if there is one
  std::size_t body_bytes_max = 0;  // of the answer; reading ends there
  bool keeps_fields = false;
};

// Sends it and reads the answer, past interim ones, until the deadline. `goes_on` is asked whether to, before the
// body is looked at and before each read of it. The pool outlives the call.
[[nodiscard]] net::Awaitable<Answered> ask(net::StreamPtr stream, net::BlockPool& blocks, const Question& question,
                                           base::Deadline deadline, base::FunctionRef<bool(const Answered&)> goes_on);

}  // namespace lb::http1
