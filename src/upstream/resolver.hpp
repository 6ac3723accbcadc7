// Looks names up without blocking anybody: by the hosts file, then by name servers.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <boost/asio/ip/address.hpp>

#include "base/clock.hpp"
#include "net/deadline_wheel.hpp"
#include "net/executor.hpp"

namespace lb::upstream {

struct ResolverSettings {
  std::vector<std::string> servers{};  // "127.0.0.1:53", "[::1]:53"; none: the system's
  base::Duration timeout{2000};        // how long one server is waited for
  unsigned attempts = 2;               // how often each is asked
};

// What a lookup has found.
struct Answer {
  struct Part {
    bool answered = false;  // false: nobody said anything about this family, and what was known of it may still hold
    std::vector<net::asio::ip::address> addresses{};
  };
  Part v4{};
  Part v6{};
  base::Duration ttl{};        // the shortest, as it was said
  std::string_view problem{};  // why nothing was found, for people; static storage

  [[nodiscard]] bool found() const noexcept { return !v4.addresses.empty() || !v6.addresses.empty(); }
};

// By c-ares. A lookup has sockets and clocks of its own, so that none waits for another, whatever server is silent; and
// reads the system's settings anew, so that their changes are followed. One thread: that of the executor, whose loop
// has a reactor.
class Resolver {
 public:
  using OnAnswer = std::function<void(const Answer&)>;

  // The wheel outlives the resolver.
  Resolver(net::Executor executor, net::DeadlineWheel& wheel, ResolverSettings settings = {});
  // Ends what is under way: nobody is told.
  ~Resolver();
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  // For the lookups that begin from now on.
  void configure(ResolverSettings settings) { settings_ = std::move(settings); }

  // Calls `call` once, from the event loop, never inside this call; not if the resolver was stopped before. Whoever
  // asks for a name that is being looked up gets that answer: there is one lookup of a name at a time.
  void look_up(const std::string& host, OnAnswer call);

  // Ends what is under way, and begins nothing new. Nothing keeps the event loop from ending then.
  void stop();

  // Names that are being looked up.
  [[nodiscard]] std::size_t in_flight() const noexcept { return lookups_.size(); }

 private:
  class Lookup;

  void finish(const std::shared_ptr<Lookup>& lookup);

  net::Executor executor_;
  net::DeadlineWheel& wheel_;
  ResolverSettings settings_;
  std::unordered_map<std::string, std::shared_ptr<Lookup>> lookups_;
  bool stopped_ = false;
};

}  // namespace lb::upstream
