#include "app/listeners.hpp"

#include <algorithm>
#include <unistd.h>
#include <utility>

#include "app/from_config.hpp"
#include "net/address_text.hpp"

namespace lb::app {
namespace {

inbound::ProxyHeaderRule proxy_header(const std::string& word) noexcept {
  return word == "require"  ? inbound::ProxyHeaderRule::require
         : word == "accept" ? inbound::ProxyHeaderRule::accept
                            : inbound::ProxyHeaderRule::off;
}

bool is_same_port(const config::Listener& one, const config::Listener& other) {
  return one.port == other.port && one.address == other.address;
}

std::string text_of(const config::Listener& wanted, const net::Tcp::endpoint& local) {
  return (wanted.tls ? "https://" : "") + net::to_text(local);
}

}  // namespace

std::vector<config::Listener> listeners_of(const config::Config& config) {
  if (!config.listeners.empty()) return config.listeners;
  return {{.address = config.server.address, .port = config.server.port}};
}

std::vector<std::string> Listeners::configure(const config::Config& config, const tls::ServerPtr& tls) {
  std::vector<std::string> problems;
  std::vector<Open> before = std::move(open_);
  open_.clear();
  const auto trusted = make_networks(config.server.trusted_proxies);
  std::vector<std::pair<config::Listener, inbound::GatePtr>> fresh;
  for (const config::Listener& wanted : listeners_of(config)) {
    const auto gate =
        std::make_shared<const inbound::Gate>(inbound::Gate{.proxy_header = proxy_header(wanted.proxy_protocol),
                                                            .trusted = trusted,
                                                            .secure = wanted.tls,
                                                            .tls = wanted.tls ? tls : nullptr});
    Open open;
    const auto found = std::ranges::find_if(before, [&](const Open& one) { return is_same_port(one.wanted, wanted); });
    if (found != before.end()) {
      open = std::move(*found);
      before.erase(found);
      open.wanted = wanted;
      open.text = text_of(wanted, net::local_endpoint(open.descriptors.front()));
      workers_.set_gate(open.number, gate);
    } else if (std::string problem = this->open(wanted, gate, open); !problem.empty()) {
      problems.push_back(std::move(problem));
      // Its own predecessor may be in the way: then that one stays, rather than nobody.
      const auto in_the_way =
          std::ranges::find_if(before, [&](const Open& one) { return one.port == wanted.port && wanted.port != 0; });
      if (in_the_way == before.end()) continue;
      open = std::move(*in_the_way);
      before.erase(in_the_way);
      open.text = text_of(wanted, net::local_endpoint(open.descriptors.front()));
      open.wanted.tls = wanted.tls;
      open.wanted.proxy_protocol = wanted.proxy_protocol;
      problems.back() += "; the address in use stays";
      workers_.set_gate(open.number, gate);
    }
    open_.push_back(std::move(open));
  }
  for (const Open& left : before) workers_.stop_listening(left.number);
  for (const int unused : std::exchange(adopted_, {})) ::close(unused);
  return problems;
}

std::string Listeners::open(const config::Listener& wanted, inbound::GatePtr gate, Open& opened) {
  const std::vector<int> taken = take_adopted(wanted);
  auto sockets = taken.empty() ? net::ListenSockets::open(wanted.address, wanted.port, workers_.size())
                               : net::ListenSockets::adopt(taken, workers_.size());
  if (!sockets) return sockets.error();
  opened.wanted = wanted;
  opened.number = ++numbers_;
  opened.port = sockets->local().port();
  opened.text = text_of(wanted, sockets->local());
  opened.descriptors = workers_.listen(opened.number, *sockets, std::move(gate));
  return {};
}

// A predecessor's sockets at this place.
std::vector<int> Listeners::take_adopted(const config::Listener& wanted) {
  boost::system::error_code code;
  const auto address = net::asio::ip::make_address(wanted.address, code);
  std::vector<int> taken;
  std::erase_if(adopted_, [&](int descriptor) {
    const net::Tcp::endpoint local = net::local_endpoint(descriptor);
    const bool same = local.address() == address || (local.address().is_unspecified() && address.is_unspecified());
    if (local.port() != wanted.port || !same) return false;
    taken.push_back(descriptor);
    return true;
  });
  return taken;
}

std::vector<std::string> Listeners::texts() const {
  std::vector<std::string> texts;
  for (const Open& one : open_) texts.push_back(one.text);
  return texts;
}

std::vector<int> Listeners::descriptors() const {
  std::vector<int> all;
  for (const Open& one : open_) all.insert(all.end(), one.descriptors.begin(), one.descriptors.end());
  return all;
}

}  // namespace lb::app
