#include "http1/ask.hpp"

#include <algorithm>
#include <utility>

#include "base/limits.hpp"
#include "http/text.hpp"
#include "http1/client_connection.hpp"

namespace lb::http1 {
namespace {

// What is left until the deadline, for clocks that are lengths.
base::Duration left(const net::DeadlineWheel& wheel, base::Deadline deadline) {
  return std::max(std::chrono::duration_cast<base::Duration>(deadline - wheel.now()), base::kWheelTick);
}

}  // namespace

net::Awaitable<Answered> ask(net::StreamPtr stream, net::BlockPool& blocks, const Question& question,
                             base::Deadline deadline, base::FunctionRef<bool(const Answered&)> goes_on) {
  const net::DeadlineWheel& wheel = stream->wheel();
  Settings settings;
  settings.timeouts.write_idle = left(wheel, deadline);
  settings.header_bytes = base::kCheckHeaderBytesMax;
  settings.header_count = base::kCheckHeaderCountMax;
  ResponseStates states(blocks, settings, 1);
  ClientConnection connection(std::move(stream), states);
  Answered answered;
  connection.begin(question.method);
  net::BufferList buffers;
  buffers.emplace_back(question.head.data(), question.head.size());
  const auto written = co_await connection.write(buffers);
  if (!written) answered.problem = written.error().detail;
  for (std::size_t interim_bytes = 0; answered.problem.empty() && answered.status < 200;) {
    const auto read = co_await connection.read_response(deadline);
    if (!read) {
      answered.problem = read.error().detail;
      break;
    }
    answered.status = connection.response().status;
    interim_bytes += connection.head_bytes();
    if (question.keeps_fields && answered.status >= 200) {
      for (const http::Field& field : connection.response().fields) {
        std::string name(field.name);
        std::ranges::transform(name, name.begin(), http::to_lower);
        answered.fields.emplace_back(std::move(name), field.value);
      }
    }
    connection.consume_head();
    const bool too_many = answered.status < 200 && interim_bytes > base::kInterimBytesMax;
    if (too_many) answered.problem = "too many interim answers";
  }
  if (!answered.problem.empty() || !goes_on(answered)) co_return answered;
  auto run = connection.take_buffered_body();
  while (run) {
    for (const auto& piece : run->pieces) answered.body.append(static_cast<const char*>(piece.data()), piece.size());
    answered.is_whole = run->end;
    const bool full = answered.body.size() >= question.body_bytes_max;
    if (full) answered.body.resize(question.body_bytes_max);
    if (run->end || full || !goes_on(answered)) co_return answered;
    if (wheel.now() >= deadline) break;
    settings.timeouts.response_idle = left(wheel, deadline);
    run = co_await connection.read_body();
  }
  answered.problem = run ? std::string("the answer took too long") : std::string(run.error().detail);
  co_return answered;
}

}  // namespace lb::http1
