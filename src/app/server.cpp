#include "app/server.hpp"

#include <algorithm>
#include <csignal>
#include <utility>

#include "app/format.hpp"
#include "app/notify.hpp"
#include "app/succession.hpp"
#include "base/limits.hpp"
#include "base/log.hpp"

namespace lb::app {

using base::LogLevel;

namespace {

// Those of the start, where each has to be good.
const Certificates& load(Certificates& certificates, AutomaticCertificates& automatic, const config::Config& config,
                         std::string& problem) {
  certificates.answer_challenges([&automatic](std::string_view name) { return automatic.challenge_for(name); });
  Certificates::Report report = certificates.load(config);
  if (std::string wrong = automatic.configure(config); !wrong.empty()) report.problems.push_back(std::move(wrong));
  certificates.take_automatic(automatic.certificates());
  for (const std::string& warning : report.warnings) base::log(LogLevel::warning, warning);
  for (const std::string& warning : certificates.ending()) base::log(LogLevel::warning, warning);
  if (!report.problems.empty()) problem = report.problems.front();
  for (std::size_t i = 1; i < report.problems.size(); ++i) problem += "; " + report.problems[i];
  return certificates;
}

}  // namespace

Server::Server(config::Config config, Options options)
    : control_(base::system_clock()),
      workers_(config),
      automatic_(control_, [this] { take_automatic_certificates(); }),
      certificates_(base::system_clock()),
      backends_(control_, workers_, load(certificates_, automatic_, config, problem_), automatic_, config),
      listeners_(workers_),
      access_logs_(control_, workers_),
      operator_(control_, state_, workers_, workers_.admissions(), backends_, configuration_, access_logs_,
                certificates_, automatic_),
      admin_(control_, operator_),
      configuration_(std::move(config), std::move(options.read_again), control_, backends_, access_logs_,
                     [this](const config::Config& now) {
                       in_force(now);
                       load_certificates(now);
                       if (state_.serving) listen_again(now);
                     }),
      predecessor_(control_.executor(), control_.wheel()),
      successor_(
          control_.executor(), control_.wheel(), control_.tasks(),
          [this] { return what_is_left(configuration_, backends_); }, [this] { on_taken_over(); }),
      watched_as_(std::move(options.watched_as)),
      watch_(control_.executor(), control_.wheel(), control_.tasks(), std::move(options.watched_file),
             [this] { configuration_.request_reload("the file has changed"); }),
      take_over_(options.take_over),
      signals_(control_.executor()),
      stop_wait_(control_.executor(), control_.wheel()),
      certificate_pause_(control_.executor(), control_.wheel()) {
  in_force(this->config());
  workers_.make(backends_.plan(), backends_.health(),
                WorkerUnit::OnConnectFailed::to<&Backends::note_connect_failed>(backends_));
  backends_.tell_how_to_connect();
  for (const auto& unit : workers_.units()) {
    unit->recorder().configure({.keep_recent = this->config().admin.port != 0});
  }
}

Server::~Server() {
  // Without handlers the signals would kill a process that is about to end well.
  boost::system::error_code ignored;
  signals_.clear(ignored);
  for (const int signal : {SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1}) std::signal(signal, SIG_IGN);
}

// What takes effect at once, beside the backends.
void Server::in_force(const config::Config& config) {
  LogLevel level = LogLevel::info;
  if (base::parse_log_level(config.log_level, level)) base::set_log_level(level);
  admin_.set_token(config.admin.token);
  workers_.limit_connections(config);
}

// Of a reload. What is wrong stays as it was, and the rest takes effect.
void Server::load_certificates(const config::Config& config) {
  Certificates::Report report = certificates_.load(config);
  if (std::string wrong = automatic_.configure(config); !wrong.empty()) report.problems.push_back(std::move(wrong));
  certificates_.take_automatic(automatic_.certificates());
  for (const std::string& problem : report.problems) {
    base::log(LogLevel::error, problem + "; what it had in service before stays, if there was anything");
  }
  for (const std::string& warning : report.warnings) base::log(LogLevel::warning, warning);
  for (const std::string& warning : certificates_.ending()) base::log(LogLevel::warning, warning);
  watch_.watch_also(certificates_.files());
}

// What the authority has given is shown from now on.
void Server::take_automatic_certificates() {
  if (state_.stopping) return;
  certificates_.take_automatic(automatic_.certificates());
  if (state_.serving) listen_again(config());
}

// Nobody may look at the log for weeks: it is said again each day.
net::Awaitable<void> Server::watch_certificates() {
  constexpr base::Duration kLook = std::chrono::hours(24);
  while (!state_.stopping) {
    co_await certificate_pause_.until(control_.wheel().after(kLook));
    if (state_.stopping) co_return;
    for (const std::string& warning : certificates_.ending()) base::log(LogLevel::warning, warning);
  }
}

std::string Server::run() {
  await_signal();
  control_.tasks().spawn(supervise());
  control_.tasks().when_empty([this] {
    backends_.abandon_lookups();
    control_.release();
  });
  control_.io().run();
  if (workers_busy_ == 0) workers_.join();
  access_logs_.finish();
  return problem_;
}

// From the first check of the backends to the last client.
net::Awaitable<void> Server::supervise() {
  if (problem_.empty()) problem_ = access_logs_.configure(config());
  if (problem_.empty()) co_await backends_.check_and_admit(backends_.all());
  const bool open = problem_.empty() && !state_.stopping && co_await open_listeners();
  if (open) {
    workers_.start();
    control_.tasks().spawn(begin_to_serve());
    while (!state_.stopping) co_await stop_wait_.until(base::kNever);
    notify_supervisor("STOPPING=1");
    // From here on the listeners are offered to no successor, and the name is free for a process that starts meanwhile.
    successor_.stop();
    co_await shut_down();
    certificate_pause_.wake();
    automatic_.stop();
    backends_.stop();
    watch_.stop();
  }
  co_await admin_.close();
  boost::system::error_code ignored;
  signals_.cancel(ignored);
  workers_.release();
  // Two turns of the loop, for this coroutine and the monitor's to end. Checks and lookups under way are not waited
  // for: they may take as long as their timeouts.
  control_.post([this] { control_.post([this] { abandon_checks(); }); });
}

// The port is open: whoever waited for that is told.
net::Awaitable<void> Server::begin_to_serve() {
  backends_.begin_to_watch();
  notify_supervisor("READY=1");
  state_.serving = true;
  configuration_.begin();
  co_await predecessor_.release();
  if (state_.stopping) co_return;
  if (config().admin.port != 0 && !admin_.listening()) control_.tasks().spawn(open_admin_later());
  successor_.offer_listeners(listeners_of(config()).front().address, listeners_.port(), listeners_.descriptors());
  control_.tasks().spawn(watch_certificates());
  automatic_.begin();
  if (watch_.has_file()) {
    watch_.watch_also(certificates_.files());
    const std::string problem = watch_.start(watched_as_);
    if (!problem.empty()) base::log(LogLevel::error, problem + "; -watch does nothing");
  }
}

// After a take-over.
net::Awaitable<void> Server::open_admin_later() {
  const config::Admin& wanted = config().admin;
  const auto goes_on = [this] { return !state_.stopping; };
  const std::string problem =
      co_await admin_.listen_when_free(wanted.address, wanted.port, base::kAdminPortWait, goes_on);
  if (!problem.empty() && !state_.stopping) base::log(LogLevel::error, problem + "; serving without it");
}

void Server::abandon_checks() {
  if (control_.tasks().size() > 0) control_.io().stop();
}

// From a predecessor, if one is to be taken over from and there is one, or new. False: there is nothing to serve, with
// problem_ set if that is not because of a stop.
net::Awaitable<bool> Server::open_listeners() {
  const config::Listener wanted = listeners_of(config()).front();
  Predecessor::Taken taken;
  if (take_over_) {
    taken = co_await predecessor_.take_listeners(wanted.address, wanted.port);
    if (state_.stopping) co_return false;
    base::log(taken.problem.empty() ? LogLevel::info : LogLevel::warning,
              !taken.descriptors.empty() ? "taking over from the process that serves this port"
              : taken.problem.empty()    ? "there is no process to take over from"
                                         : "cannot take over from the process that serves this port: " + taken.problem);
  }
  if (!taken.left.empty()) co_await inherit(configuration_, backends_, taken.left);
  // A predecessor may still hold the port of the admin interface: that one is opened later.
  if (taken.descriptors.empty() && config().admin.port != 0) {
    problem_ = admin_.listen(config().admin.address, config().admin.port);
    if (!problem_.empty()) co_return false;
  }
  listeners_.adopt(taken.descriptors);
  try {
    listen(config());
  } catch (const boost::system::system_error& refused) {
    problem_ = std::string("cannot listen: ") + refused.what();
  }
  co_return problem_.empty();
}

// At the start each has to be had.
void Server::listen(const config::Config& config) {
  const std::vector<std::string> problems = listeners_.configure(config, certificates_.server());
  if (!problems.empty()) problem_ = problems.front();
  log_listeners({});
}

// Of a reload: what can be had is.
void Server::listen_again(const config::Config& config) {
  const std::vector<std::string> before = listeners_.texts();
  for (const std::string& problem : listeners_.configure(config, certificates_.server())) {
    base::log(LogLevel::error, problem);
  }
  successor_.offer_others(listeners_of(config).front().address, listeners_.port(), listeners_.descriptors());
  log_listeners(before);
}

// Those that are news.
void Server::log_listeners(const std::vector<std::string>& before) {
  const std::vector<std::string> texts = listeners_.texts();
  state_.listening.clear();
  for (const std::string& text : texts) {
    state_.listening += (state_.listening.empty() ? "" : ", ") + text;
    if (std::ranges::find(before, text) != before.end()) continue;
    base::log(LogLevel::info, "load-balancer " LB_VERSION " listening on " + text + ", " +
                                  counted(workers_.size(), "worker") + ", " +
                                  counted(backends_.all().size(), "backend"));
  }
  for (const std::string& text : before) {
    if (std::ranges::find(texts, text) == texts.end()) base::log(LogLevel::info, "no longer listening on " + text);
  }
}

void Server::on_taken_over() {
  base::log(LogLevel::info, "another process has taken over the port");
  admin_.stop_listening();  // it wants that port, too
  begin_to_stop();
}

void Server::await_signal() {
  boost::system::error_code ignored;
  for (const int signal : {SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1}) signals_.add(signal, ignored);
  signals_.async_wait([this](const boost::system::error_code& code, int signal) {
    if (code) return;
    on_signal(signal);
    await_signal();
  });
}

void Server::on_signal(int signal) {
  if (signal == SIGHUP) return configuration_.request_reload("SIGHUP");
  if (signal == SIGUSR1) return access_logs_.reopen();
  ++stop_signals_;
  begin_to_stop();
}

// A signal, or a successor. Another signal is for shut_down() to notice.
void Server::begin_to_stop() {
  stop_wait_.wake();
  predecessor_.stop();
  configuration_.stop();
  automatic_.stop();  // the ports, and challenges at them, are a successor's soon
  backends_.stop_following();
  if (std::exchange(state_.stopping, true)) return;
  base::log(LogLevel::info, "stopping: requests in flight have " + std::to_string(config().shutdown_grace.count()) +
                                " ms to end; a second signal ends them now");
}

// Stop accepting, let exchanges end, wait, force, wait.
net::Awaitable<void> Server::shut_down() {
  workers_busy_ = workers_.size();
  workers_.drain([this] {
    control_.post([this] {
      --workers_busy_;
      stop_wait_.wake();
    });
  });
  const base::Deadline deadline = control_.wheel().after(config().shutdown_grace);
  while (workers_busy_ > 0 && stop_signals_ < 2 && control_.wheel().now() < deadline) {
    co_await stop_wait_.until(deadline);
  }
  if (workers_busy_ > 0) {
    base::log(LogLevel::warning,
              "ending the connections that are left: " + std::to_string(workers_.admissions().connections()));
    workers_.abort();
  }
  // What was aborted unwinds at once; a coroutine that connects to a backend does when that times out.
  const base::Deadline last = control_.wheel().after(config().server.timeouts.connect + base::kLingerTime);
  while (workers_busy_ > 0 && control_.wheel().now() < last) co_await stop_wait_.until(last);
  base::log(LogLevel::info, "stopped");
}

}  // namespace lb::app
