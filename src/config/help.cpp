#include <array>

#include "config/flag_table.hpp"
#include "config/flags.hpp"
#include "config/schema.hpp"

namespace lb::config {
namespace {

constexpr std::array kFlags = {
    FlagSpec{.name = "backends", .value_name = "URL,URL", .help = "where to send requests, one after the other"},
    FlagSpec{.name = "config", .value_name = "FILE", .help = "read a TOML file; a flag overrides the same key of it"},
    FlagSpec{.name = "demo", .target = &CommandLine::demo, .help = "start two small built-in backends, to have a look"},
    FlagSpec{.name = "port", .value_name = "NUMBER", .key = "server.port", .help = "the port to listen on"},
    FlagSpec{.name = "address", .value_name = "IP", .key = "server.address", .help = "the address to listen on"},
    FlagSpec{.name = "threads", .value_name = "NUMBER", .key = "server.threads", .help = "worker threads"},
    FlagSpec{.name = "log-level", .value_name = "LEVEL", .key = "log.level", .help = "what to log"},
    FlagSpec{.name = "access-log", .value_name = "FORMAT", .key = "log.access", .help = "a line for each request"},
    FlagSpec{
        .name = "admin-port", .value_name = "NUMBER", .key = "admin.port", .help = "the port of the admin interface"},
    FlagSpec{.name = "admin-address",
             .value_name = "IP",
             .key = "admin.address",
             .help = "the address of the admin interface"},
    FlagSpec{.name = "admin-token-file",
             .value_name = "FILE",
             .key = "admin.token_file",
             .help = "what its requests have to show, in a file"},
    FlagSpec{.name = "watch", .target = &CommandLine::watch, .help = "read the file again whenever it changes"},
    FlagSpec{.name = "takeover", .target = &CommandLine::takeover, .help = "take the port over from a running process"},
    FlagSpec{.name = "status",
             .target = &CommandLine::status,
             .help = "print what a running one is doing (by its admin interface)"},
    FlagSpec{.name = "check",
             .target = &CommandLine::check,
             .help = "validate the configuration, try the backends once, exit"},
    FlagSpec{.name = "print-config",
             .target = &CommandLine::print_config,
             .help = "print every value in force, and where it came from"},
    FlagSpec{.name = "print-schema",
             .target = &CommandLine::print_schema,
             .help = "print a JSON Schema of the file, for editors"},
    FlagSpec{.name = "version", .target = &CommandLine::version, .help = "print the version and exit"},
    FlagSpec{.name = "help", .target = &CommandLine::help, .help = "print this page and exit"},
};

constexpr std::size_t kHelpColumn = 24;

constexpr std::string_view kBegin = R"(Usage: load-balancer -backends URL,URL [flags]
       load-balancer -config FILE [flags]
       load-balancer -demo

Takes HTTP traffic on one port and spreads it over several backend servers.

Flags, with one dash or two, and a value after a space or "=":
)";

constexpr std::string_view kEnd = R"(
A backend is http://host[:port], https://host[:port] or host[:port]: a name, an IPv4 address or an
IPv6 address in brackets; the port defaults to 80, and to 443 of https.

Examples:
  load-balancer -backends "http://127.0.0.1:8080,http://127.0.0.1:8081" -port 3030
  load-balancer -config config/load-balancer.toml -log-level debug
  load-balancer -check -config config/load-balancer.toml
  load-balancer -status -config config/load-balancer.toml

Exit status: 0 after an orderly stop, 1 if the machine refused something (a port in use),
2 if a flag or the file is wrong.

Every key of the file, with default, unit and range: config/load-balancer.toml
The same for editors: config/load-balancer.schema.json, which is what -print-schema prints
Documentation: README.md and docs/
)";

std::string flag_line(const FlagSpec& flag) {
  std::string line = "  -" + std::string(flag.name);
  if (!flag.value_name.empty()) {
    line += ' ' + std::string(flag.value_name);
  }
  line.resize(kHelpColumn, ' ');
  return line + std::string(flag.help);
}

// What is allowed, on a line of its own: the values of some flags take most of one.
std::string allowed_line(const KeySpec& key) {
  const std::string zero = key.zero_means.empty() ? "" : "; 0: " + std::string(key.zero_means);
  return std::string(kHelpColumn, ' ') + allowed_text(key) + zero + '\n';
}

std::string default_of(const FlagSpec& flag, const KeySpec* key) {
  if (key != nullptr) {
    return default_text(*key);
  }
  return flag.target != nullptr ? "off" : "none";
}

}  // namespace

std::span<const FlagSpec> all_flags() {
  return kFlags;
}

std::string help_text() {
  std::string out(kBegin);
  for (const FlagSpec& flag : all_flags()) {
    const KeySpec* key = find_key(flag.key);
    out += flag_line(flag) + " (default: " + default_of(flag, key) + ")\n" + (key != nullptr ? allowed_line(*key) : "");
  }
  return out + std::string(kEnd);
}

}  // namespace lb::config
