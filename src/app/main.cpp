#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <exception>
#include <fcntl.h>
#include <malloc.h>
#include <memory>
#include <string>
#include <string_view>
#include <sys/resource.h>
#include <unistd.h>
#include <utility>

#include "app/certificates.hpp"
#include "app/check_backends.hpp"
#include "app/check_log_file.hpp"
#include "app/demo.hpp"
#include "app/server.hpp"
#include "app/status_client.hpp"
#include "app/status_table.hpp"
#include "base/limits.hpp"
#include "base/log.hpp"
#include "base/log_thread.hpp"
#include "config/explain.hpp"
#include "config/flags.hpp"
#include "config/json_schema.hpp"
#include "config/print_config.hpp"
#include "config/warnings.hpp"
#include "tls/memory.hpp"

namespace {

using namespace lb;  // NOLINT(google-build-using-namespace): the program's own, in its own main file

constexpr int kExitRefused = 1;  // by the machine
constexpr int kExitUsage = 2;    // what the user wrote

void print(std::FILE* stream, const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stream);
}

// Each connection takes two descriptors; the usual soft limit of 1024 is made for programs that use select().
void raise_descriptor_limit() noexcept {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

// Whoever started us may have closed them, and then the next descriptor, an event queue, say, would get what is written
// to the log.
bool open_standard_descriptors() noexcept {
  for (const int descriptor : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    const bool is_open = ::fcntl(descriptor, F_GETFD) != -1 || errno != EBADF;
    if (!is_open && ::open("/dev/null", O_RDWR) != descriptor) return false;
  }
  return true;
}

// Their default is to end the process, and none of them means that it should: a log reader that went away, a log file
// at its limit, log rotation that does not know how far we are, timers and signals that somebody sent by mistake.
void ignore_signals() noexcept {
  for (const int signal : {SIGPIPE, SIGXFSZ, SIGUSR1, SIGUSR2, SIGALRM, SIGVTALRM, SIGPROF, SIGIO, SIGPWR}) {
    std::signal(signal, SIG_IGN);
  }
}

// The blocks of buffers come and go in crowds. With pages of their own they go back to the system at once, rather than
// leave holes in the heap between the small things that stay.
void keep_blocks_off_the_heap() noexcept {
#if defined(__GLIBC__)
  ::mallopt(M_MMAP_THRESHOLD, static_cast<int>(base::kSmallBlockBytes));
#endif
}

// Not through the log, which the user may have turned off.
int refuse(const std::string& problem) {
  base::stop_logging();
  print(stderr, "load-balancer: " + problem + "\n");
  return kExitRefused;
}

// Too few descriptors for event queues, listeners and a single client. Empty: enough.
std::string too_few_descriptors() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= base::kDescriptorsMin) return {};
  return "this process may open " + std::to_string(limit.rlim_cur) + " files (ulimit -n), which is too few: it takes " +
         std::to_string(base::kDescriptorsMin);
}

// Where somebody sees it and did not ask for none (https://no-color.org).
bool has_colours(int descriptor) noexcept {
  const auto is_set = [](const char* name) {
    const char* const value = std::getenv(name);
    return value != nullptr && *value != '\0';
  };
  const char* const terminal = std::getenv("TERM");
  const bool is_dumb = terminal != nullptr && std::string_view(terminal) == "dumb";
  return ::isatty(descriptor) == 1 && !is_set("NO_COLOR") && !is_dumb;
}

config::Colour colour_of_errors() noexcept {
  return has_colours(STDERR_FILENO) ? config::Colour::on : config::Colour::off;
}

// What a running one says of itself.
int print_status(const config::Admin& admin) {
  if (admin.port == 0) {
    print(stderr,
          "-status: needs the port of the admin interface: -admin-port NUMBER, or [admin] port in the file "
          "given by -config\n");
    return kExitUsage;
  }
  const app::StatusAnswer answer = app::ask_status(admin);
  if (!answer.problem.empty()) return refuse(answer.problem);
  const app::Paint paint = has_colours(STDOUT_FILENO) ? app::Paint::coloured : app::Paint::plain;
  const auto table = app::status_table(answer.body, base::system_clock().wall_now(), paint);
  if (!table) return refuse("what answers at this port is no load-balancer");
  print(stdout, *table);
  return EXIT_SUCCESS;
}

// The configuration is valid, whether or not its backends answer now: they may well be started after the balancer.
int check(const config::Config& config) {
  app::Certificates certificates(base::system_clock());
  app::Certificates::Report report = certificates.load(config);
  if (!config.acme.domains.empty() && !config.acme.ca.empty()) {
    const auto authorities = tls::load_authorities(resolved(config, config.acme.ca));
    if (!authorities) report.problems.push_back(authorities.error().text);
  }
  for (const std::string& one : report.problems) print(stderr, one + "\n");
  if (!report.problems.empty()) return kExitUsage;
  const std::size_t count = config.backends.size();
  print(stdout, "The configuration is valid: " + std::to_string(count) + (count == 1 ? " backend.\n" : " backends.\n"));
  std::fflush(stdout);  // what follows may take a while
  for (const std::string& warning : config::warnings_of(config)) print(stderr, "warning: " + warning + "\n");
  for (const std::string& warning : report.warnings) print(stderr, "warning: " + warning + "\n");
  for (const std::string& warning : certificates.ending()) print(stderr, "warning: " + warning + "\n");
  const std::string problem =
      config.access_log_file.empty() ? std::string() : app::log_file_problem(config.access_log_file);
  if (!problem.empty()) {
    print(stderr, "log.access_file: " + problem + "\n");
    return kExitRefused;
  }
  if (count == 0) return EXIT_SUCCESS;
  app::BackendCheck backends(config, certificates);
  print(stdout, app::render(backends.run()));
  return EXIT_SUCCESS;
}

config::Config with_demo(config::Config config, const app::DemoBackends* demo) {
  for (std::size_t i = 0; demo != nullptr && i < demo->ports().size(); ++i) {
    const std::uint16_t port = demo->ports()[i];
    config.backends.push_back({"http://127.0.0.1:" + std::to_string(port), "127.0.0.1", port});
  }
  return config;
}

int serve(const config::CommandLine& command_line, config::Config config, std::string watched_as) {
  std::unique_ptr<app::DemoBackends> demo;
  if (command_line.demo) {
    std::string problem;
    demo = app::DemoBackends::start(problem);
    if (!demo) return refuse(problem);
  }
  app::Options options;
  options.take_over = command_line.takeover;
  if (command_line.config_file) {
    options.read_again = [&]() -> config::Checked<config::Config> {
      auto loaded = config::load_configuration(command_line);
      if (!loaded) return loaded;
      return with_demo(std::move(loaded).value(), demo.get());
    };
    if (command_line.watch) options.watched_file = *command_line.config_file;
    options.watched_as = std::move(watched_as);
  }
  app::Server server(with_demo(std::move(config), demo.get()), std::move(options));
  const std::string problem = server.run();
  const int status = problem.empty() ? EXIT_SUCCESS : refuse(problem);
  if (server.still_busy()) {
    // The exit must not wait for a name server that does not answer, or for a peer.
    base::stop_logging();
    std::_Exit(status);
  }
  return status;
}

}  // namespace

int main(int argc, char** argv) {
  tls::keep_buffers();
  if (!open_standard_descriptors()) return kExitRefused;
  const config::CommandLine command_line = config::parse_command_line(argc, argv);
  if (command_line.errors.empty() && command_line.help) {
    print(stdout, config::help_text());
    return EXIT_SUCCESS;
  }
  if (command_line.errors.empty() && command_line.version) {
    print(stdout, "load-balancer " LB_VERSION "\n");
    return EXIT_SUCCESS;
  }
  if (command_line.errors.empty() && command_line.print_schema) {
    print(stdout, config::json_schema());
    return EXIT_SUCCESS;
  }
  // Before the file is read: whatever happens to it later is a change.
  const std::string watched_as =
      command_line.watch ? app::FileWatch::fingerprint(command_line.config_file.value_or("")) : std::string();
  config::Origins origins;
  auto loaded = config::load_configuration(command_line, &origins);
  if (!loaded) {
    print(stderr, config::explain(loaded.errors(), colour_of_errors()));
    return kExitUsage;
  }
  config::Config config = std::move(loaded).value();
  if (command_line.print_config) {
    print(stdout, config::print_config(config, origins));
    return EXIT_SUCCESS;
  }

  ignore_signals();
  if (command_line.status) return print_status(config.admin);
  raise_descriptor_limit();
  if (command_line.check) return check(config);
  if (const std::string problem = too_few_descriptors(); !problem.empty()) return refuse(problem);
  keep_blocks_off_the_heap();
  base::LogLevel level = base::LogLevel::info;
  static_cast<void>(base::parse_log_level(config.log_level, level));  // the configuration was checked
  ::tzset();  // before there are threads; localtime_r() need not do it
  base::start_logging(level);
  int status = kExitRefused;
  try {
    status = serve(command_line, std::move(config), watched_as);
  } catch (const std::exception& problem) {
    // What the system refused while everything was being set up: event queues, threads, descriptors.
    return refuse(std::string("cannot start: ") + problem.what());
  }
  base::stop_logging();
  if (base::log_thread_left_alone()) std::_Exit(status);
  return status;
}
