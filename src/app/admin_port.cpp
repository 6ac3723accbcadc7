// The part of the server that opens and closes the admin interface beside it.
#include "app/server.hpp"
#include "base/limits.hpp"
#include "base/log.hpp"

namespace lb::app {

// After a take-over: the predecessor gives the port up as soon as it knows, which may take a moment.
net::Awaitable<void> Server::wait_for_admin_port() {
  constexpr base::Duration kBetweenTries{100};
  const base::Deadline deadline = control_.wheel().after(base::kAdminPortWait);
  net::Pause pause(control_.executor(), control_.wheel());
  std::string problem;
  while (!stopping_) {
    problem = admin_.listen(config_.admin.address, config_.admin.port);
    if (problem.empty() || control_.wheel().now() >= deadline) break;
    co_await pause.until(control_.wheel().after(kBetweenTries));
  }
  if (!problem.empty() && !stopping_) base::log(base::LogLevel::error, problem + "; serving without it");
}

// What is being answered there may be cut: everything it could tell is over.
net::Awaitable<void> Server::close_admin() {
  constexpr base::Duration kUnwindingTime{500};
  admin_.stop();
  const base::Deadline deadline = control_.wheel().after(kUnwindingTime);
  net::Pause pause(control_.executor(), control_.wheel());
  while (admin_.connections() > 0 && control_.wheel().now() < deadline) {
    co_await pause.until(control_.wheel().after(base::kWheelTick));
  }
}

}  // namespace lb::app
