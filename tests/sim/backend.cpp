#include "sim/backend.hpp"

#include <algorithm>
#include <array>

namespace lb::sim {

Backend::Backend(Stage& its_stage, std::size_t its_number)
    : stage(its_stage), number(its_number), host_("b" + std::to_string(its_number)) {
  // A request line always fits, so that it is known at once whose request was begun.
  options.read_slice = stage.random.once_in(3) ? stage.random.between(1, 8) : stage.random.between(20, 4'000);
  options.capacity = stage.random.between(100, 3'000);
  options.reads_ahead = options.capacity % 2 == 0;
}

void Backend::act() {
  for (std::size_t i = 0; i < connections.size(); ++i) connections[i]->act();
}

void Backend::set_reach(Reach its_reach) {
  if (reach == its_reach) return;
  static constexpr std::array<std::string_view, 3> kNames{"accepts", "refuses", "hangs"};
  reach = its_reach;
  stage.journal.note(host_, " ", kNames[static_cast<std::size_t>(reach)]);
}

void Backend::set_good(bool good) {
  if (good_ == good) return;
  good_ = good;
  stage.journal.note(host_, good ? " behaves" : " misbehaves");
}

void Backend::restart() {
  stage.journal.note(host_, " restarts");
  settled_ = 0;
  for (std::size_t i = 0; i < connections.size(); ++i) {
    connections[i]->spoil();
    connections[i]->end(End::reset);
  }
}

void Backend::observe() {
  const bool clean = std::ranges::all_of(connections, [](const auto& connection) { return connection->is_clean(); });
  const bool settled = good_ && reach == Reach::accept && clean && hanging == 0 && !stage.silent;
  if (!settled) settled_ = 0;
  if (settled && settled_ == 0) settled_ = stage.step;
  const bool accepts = reach == Reach::accept && !stage.silent;
  if (!accepts || !settled || stage.starving) good_at = stage.now();

  const auto member = endpoint.lock();
  const bool up = member != nullptr && member->is_up();
  if (settled_ != 0 && up_since_ != 0 && up_since_ >= settled_ && member != nullptr && member_since != 0 && !up) {
    stage.journal.violate(host_, " was marked down although it behaved all the time");
  }
  if (member != nullptr && member_since != 0 && !up && check_bound > Duration(0) &&
      stage.now() > good_at + check_bound) {
    stage.journal.violate(host_, " has been well for ", check_bound.count(), " ms and was not marked up");
  }
  if (!up || settled_ == 0) up_since_ = 0;
  if (up && settled_ != 0 && up_since_ == 0) up_since_ = stage.step;
}

bool Backend::could_serve_since(std::size_t step) const noexcept {
  const auto since = [step](std::size_t begin) { return begin != 0 && begin < step; };
  if (!since(settled_) || !since(member_since) || !since(unlimited_since)) return false;
  // A request may rather wait for one that is up and busy than try one that is marked down.
  return !stage.limits || since(up_since_);
}

}  // namespace lb::sim
