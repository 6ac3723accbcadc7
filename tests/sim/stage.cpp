#include "sim/stage.hpp"

#include <algorithm>

namespace lb::sim {

void Stage::run() {
  world.io.restart();
  std::size_t handlers = 0;
  while (handlers < kHandlersAtOnceMax && world.io.poll_one() > 0) ++handlers;
  Figures& figures = ledger.figures;
  figures.handlers += handlers;
  figures.handlers_at_once_max = std::max(figures.handlers_at_once_max, handlers);
  if (handlers == kHandlersAtOnceMax) journal.violate("a busy loop: the clock stands still, and it goes on and on");
  if (figures.handlers > kHandlersMax) journal.violate("the run takes ", figures.handlers, " steps of the event loop");
}

void Stage::pass(Duration time) {
  for (Duration left = time; left > Duration(0); left -= base::kWheelTick) {
    world.clock.turn(std::min(left, base::kWheelTick));
    world.wheel.advance();
    run();
  }
}

std::size_t Stage::feed(test::MemoryStream& stream, std::string_view text, std::size_t slice) {
  // Even a byte at a time, a message is through within a few steps: what is slow has to be slow on purpose.
  constexpr std::size_t kBytes = 60;
  std::size_t sent = 0;
  const std::size_t enough = text.size() > 5'000 ? 2'000 : kBytes;
  while (sent < text.size() && sent < enough) {
    const std::size_t taken = stream.put(text.substr(sent, std::max<std::size_t>(slice, text.size() / 200)));
    if (taken == 0) break;
    sent += taken;
    // What follows the last byte is for the sender to note before anybody acts on it.
    if (sent < text.size()) run();
  }
  return sent;
}

}  // namespace lb::sim
