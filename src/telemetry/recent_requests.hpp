// The requests that a worker has answered lately, for whoever asks why.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "telemetry/request_record.hpp"

namespace lb::telemetry {

// A record that outlives the backends it names: it keeps their URLs. Copied, never moved: its record's views are of its
// own text.
class RecentRequest {
 public:
  // `number`: of this worker's requests, from 1.
  RecentRequest(std::uint64_t number, base::WallTime ended, const RequestRecord& record);
  RecentRequest(const RecentRequest& other) : RecentRequest(other.number_, other.ended_, other.record_) {}
  RecentRequest& operator=(const RecentRequest& other);

  // Allocates only where texts are longer than any before.
  void assign(std::uint64_t number, base::WallTime ended, const RequestRecord& record);

  [[nodiscard]] std::uint64_t number() const noexcept { return number_; }
  [[nodiscard]] base::WallTime ended() const noexcept { return ended_; }
  [[nodiscard]] const RequestRecord& record() const noexcept { return record_; }

 private:
  std::uint64_t number_ = 0;
  base::WallTime ended_{};
  RequestRecord record_;
  std::string urls_;  // one after the other
};

// The newest so many; those that failed or were tried more than once have places of their own, so that a busy worker
// does not push them out at once. One thread.
class RecentRequests {
 public:
  // No memory is taken before the first request.
  RecentRequests(std::size_t any_max, std::size_t notable_max) : any_max_(any_max), notable_max_(notable_max) {}

  // Copies the record. Allocates until each place was used once, and where texts are longer than any before.
  void add(const RequestRecord& record, base::WallTime now);

  // The newest with this id, or null. Good until the next add().
  [[nodiscard]] const RecentRequest* find(std::string_view id) const noexcept;
  // The notable ones with a number greater than `after`, oldest first, at most `most`, of which the newest are chosen.
  [[nodiscard]] std::vector<RecentRequest> notable_after(std::uint64_t after, std::size_t most) const;
  // The number of the newest.
  [[nodiscard]] std::uint64_t last() const noexcept { return count_; }

 private:
  struct Places {
    std::vector<RecentRequest> requests;
    std::size_t next = 0;

    void add(std::size_t most, std::uint64_t number, base::WallTime now, const RequestRecord& record);
  };

  std::size_t any_max_;
  std::size_t notable_max_;
  Places any_;
  Places notable_;
  std::uint64_t count_ = 0;
};

}  // namespace lb::telemetry
