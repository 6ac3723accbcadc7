#include "support/load.hpp"

#include <chrono>

#include "support/balancer.hpp"

namespace lb::support {

Load::Load(std::uint16_t port, Clients clients) : port_(port) {
  for (unsigned i = 0; i < clients.kept; ++i) threads_.emplace_back([this] { ask_on_kept_connections(); });
  for (unsigned i = 0; i < clients.fresh; ++i) threads_.emplace_back([this] { ask_on_fresh_connections(); });
}

void Load::stop() {
  stopped_ = true;
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

bool Load::wait_for_answers(std::size_t count, Deadline deadline) const {
  while (answers_ < count) {
    if (now() >= deadline) return false;
    std::this_thread::yield();
  }
  return true;
}

std::string Load::first_failure() const {
  const std::scoped_lock lock(mutex_);
  return first_failure_;
}

void Load::ask_on_kept_connections() {
  while (!stopped_) {
    Wire wire(connect_local(port_));
    while (!stopped_ && ask(wire, get())) {
    }
  }
}

void Load::ask_on_fresh_connections() {
  while (!stopped_) {
    Wire wire(connect_local(port_));
    static_cast<void>(ask(wire, get("/", "Connection: close\r\n")));
  }
}

bool Load::ask(Wire& wire, std::string_view request) {
  if (!wire.send(request)) {
    fail("the request could not be sent");
    return false;
  }
  const Message answer = wire.read_message(Kind::response);
  if (!answer.complete || answer.status() != 200) {
    fail(answer.head.text.empty() ? "no answer" : answer.head.text);
    return false;
  }
  ++answers_;
  return answer.head.value("Connection") != "close";
}

void Load::fail(const std::string& why) {
  const std::scoped_lock lock(mutex_);
  if (failures_++ == 0) first_failure_ = why;
}

}  // namespace lb::support
