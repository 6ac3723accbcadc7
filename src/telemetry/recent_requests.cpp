#include "telemetry/recent_requests.hpp"

#include <algorithm>

namespace lb::telemetry {

RecentRequest::RecentRequest(std::uint64_t number, base::WallTime ended, const RequestRecord& record) {
  assign(number, ended, record);
}

RecentRequest& RecentRequest::operator=(const RecentRequest& other) {
  if (this != &other) assign(other.number_, other.ended_, other.record_);
  return *this;
}

void RecentRequest::assign(std::uint64_t number, base::WallTime ended, const RequestRecord& record) {
  number_ = number;
  ended_ = ended;
  record_ = record;
  std::size_t bytes = 0;
  for (const Attempt& one : record_.attempts) bytes += one.backend.size();
  for (const Passed& one : record_.passed) bytes += one.backend.size();
  urls_.clear();
  urls_.reserve(bytes);  // so that the text stays where the first views find it
  const auto keep = [this](std::string_view& url) {
    const std::size_t at = urls_.size();
    urls_.append(url);
    url = std::string_view(urls_).substr(at);
  };
  for (Attempt& one : record_.attempts) keep(one.backend);
  for (Passed& one : record_.passed) keep(one.backend);
}

void RecentRequests::Places::add(std::size_t most, std::uint64_t number, base::WallTime now,
                                 const RequestRecord& record) {
  if (most == 0) return;
  if (requests.empty()) requests.reserve(most);
  if (requests.size() < most) {
    requests.emplace_back(number, now, record);
    return;
  }
  RecentRequest& place = requests[next];
  next = (next + 1) % most;
  place.assign(number, now, record);  // into the room that its texts have
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
      if (one.record().id == id && (newest == nullptr || one.number() > newest->number())) newest = &one;
    }
  }
  return newest;
}

std::vector<RecentRequest> RecentRequests::notable_after(std::uint64_t after, std::size_t most) const {
  std::vector<RecentRequest> found;
  for (const RecentRequest& one : notable_.requests) {
    if (one.number() > after) found.push_back(one);
  }
  std::ranges::sort(found, {}, &RecentRequest::number);
  if (found.size() > most) found.erase(found.begin(), found.end() - static_cast<std::ptrdiff_t>(most));
  return found;
}

}  // namespace lb::telemetry
