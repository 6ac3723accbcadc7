#include "app/check_backends.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <utility>

#include "app/from_config.hpp"

namespace lb::app {
namespace {

using Verdict = upstream::CheckResult::Verdict;

// Of a name that has more, the number of the others is shown.
constexpr std::size_t kAddressesShown = 3;
constexpr std::size_t kColumns = 4;
constexpr std::string_view kGap = "  ";

using Row = std::array<std::string, kColumns>;

std::string address_list(const net::Addresses& addresses) {
  std::string out;
  for (std::size_t i = 0; i < std::min(addresses.size(), kAddressesShown); ++i) {
    out += (i > 0 ? ", " : "") + addresses[i].address().to_string();
  }
  if (addresses.size() > kAddressesShown) out += " and " + std::to_string(addresses.size() - kAddressesShown) + " more";
  return out.empty() ? "none" : out;
}

// "0.4 ms": on one machine a tenth still says something.
std::string milliseconds(std::chrono::nanoseconds time) {
  std::array<char, 32> text{};
  const double value = std::chrono::duration<double, std::milli>(time).count();
  std::snprintf(text.data(), text.size(), value < 10 ? "%.1f ms" : "%.0f ms", value);
  return text.data();
}

Row row_of(const BackendReport& report) {
  const bool passed = report.result.verdict == Verdict::passed;
  return {report.url, std::to_string(report.weight), address_list(report.addresses),
          passed ? "ok in " + milliseconds(report.took) : report.result.reason};
}

std::string line_of(const Row& row, const std::array<std::size_t, kColumns>& widths) {
  std::string line;
  for (std::size_t i = 0; i + 1 < kColumns; ++i) {
    line += row[i] + std::string(widths[i] - row[i].size(), ' ') + std::string(kGap);
  }
  return line + row.back() + '\n';
}

}  // namespace

BackendCheck::BackendCheck(const config::Config& config, const Certificates& certificates)
    : timeout_(config.health.timeout),
      http_(make_http_check(config.health)),
      worker_(base::system_clock()),
      resolver_(worker_.executor(), worker_.wheel(), make_resolver_settings(config)),
      cache_(worker_.executor(), worker_.wheel(), resolver_,
             [this](std::uint32_t slot, const upstream::AddressSetPtr& addresses) {
               reports_[slot].addresses.clear();
               for (const auto& address : addresses->list) reports_[slot].addresses.push_back(address->where);
             }),
      checker_(worker_.executor(), worker_.wheel(), worker_.blocks(), cache_) {
  for (const upstream::BackendSpec& spec : make_backend_specs(config)) {
    endpoints_.push_back(std::make_shared<upstream::Endpoint>(spec, static_cast<std::uint32_t>(endpoints_.size())));
    reports_.push_back({.url = spec.url, .weight = spec.weight});
  }
  for (std::uint32_t slot = 0; slot < config.backends.size(); ++slot) {
    if (!config.backends[slot].tls) continue;
    checker_.set_connector(
        slot, std::make_shared<tls::Connector>(checker_.connector(), certificates.client(),
                                               certified_name(config, config.backends[slot]), worker_.blocks()));
  }
}

const std::vector<BackendReport>& BackendCheck::run() {
  for (std::size_t i = 0; i < endpoints_.size(); ++i) {
    worker_.tasks().spawn(check_one(endpoints_[i], reports_[i]));
  }
  worker_.tasks().when_empty([this] {
    resolver_.stop();  // its lookups would keep the loop from ending
    worker_.release();
  });
  worker_.io().run();
  return reports_;
}

net::Awaitable<void> BackendCheck::check_one(std::shared_ptr<upstream::Endpoint> endpoint, BackendReport& report) {
  const base::TimePoint began = worker_.wheel().now();
  const base::Deadline deadline = began + timeout_;
  report.result = co_await checker_.check(std::move(endpoint), http_.get(), deadline);
  const base::TimePoint ended = worker_.wheel().now();
  report.took = ended - began;
  // The checker cannot tell a name server that is silent from one that knows no address.
  if (report.addresses.empty() && ended >= deadline) report.result.reason = "the name lookup took too long";
}

std::string render(const std::vector<BackendReport>& reports) {
  std::vector<Row> rows{{"backend", "weight", "address", "result"}};
  std::ranges::transform(reports, std::back_inserter(rows), row_of);
  std::array<std::size_t, kColumns> widths{};
  for (const Row& row : rows) {
    for (std::size_t i = 0; i < kColumns; ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string out;
  for (const Row& row : rows) out += line_of(row, widths);
  const auto failed =
      std::ranges::count_if(reports, [](const BackendReport& r) { return r.result.verdict != Verdict::passed; });
  if (failed > 0) {
    out += "warning: " + std::to_string(failed) + " of " + std::to_string(reports.size()) +
           " backends did not pass the check; the configuration is valid all the same\n";
  }
  return out;
}

}  // namespace lb::app
