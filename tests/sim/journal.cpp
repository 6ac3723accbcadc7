#include "sim/journal.hpp"

#include <cstdio>

namespace lb::sim {

void Journal::keep(std::string event) {
  if (tracing_ == Tracing::print) std::printf("%s\n", event.c_str());
  events_.push_back(std::move(event));
  if (events_.size() > kEventsKept) events_.pop_front();
}

}  // namespace lb::sim
