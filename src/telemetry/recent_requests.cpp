#include "telemetry/recent_requests.hpp"

#include <algorithm>

namespace lb::telemetry {

void RecentRequests::Places::add(std::size_t most, std::uint64_t number, base::WallTime now,
                                 const RequestRecord& record) {
  if (most == 0) return;
  if (requests.empty()) requests.reserve(most);
  if (requests.size() < most) {
    requests.push_back({number, now, record});
    return;
  }
  RecentRequest& place = requests[next];
  next = (next + 1) % most;
  place.number = number;
  place.ended = now;
  place.record = record;  // into the room that its strings have
}

void RecentRequests::add(const RequestRecord& record, base::WallTime now) {
  ++count_;
  if (record.is_notable()) {
    notable_.add(notable_max_, count_, now, record);
  } else {
    any_.add(any_max_, count_, now, record);
  }
}

const RecentRequest* RecentRequests::find(std::string_view id) const noexcept {
  const RecentRequest* newest = nullptr;
  for (const auto* places : {&any_, &notable_}) {
    for (const RecentRequest& one : places->requests) {
      if (one.record.id == id && (newest == nullptr || one.number > newest->number)) newest = &one;
    }
  }
  return newest;
}

std::vector<RecentRequest> RecentRequests::notable_after(std::uint64_t after, std::size_t most) const {
  std::vector<RecentRequest> found;
  for (const RecentRequest& one : notable_.requests) {
    if (one.number > after) found.push_back(one);
  }
  std::ranges::sort(found, {}, &RecentRequest::number);
  if (found.size() > most) found.erase(found.begin(), found.end() - static_cast<std::ptrdiff_t>(most));
  return found;
}

}  // namespace lb::telemetry
