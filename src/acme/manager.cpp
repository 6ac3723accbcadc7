#include "acme/manager.hpp"

#include <algorithm>
#include <utility>

#include "acme/back_off.hpp"
#include "base/date_text.hpp"
#include "base/log.hpp"

namespace lb::acme {
namespace {

std::string moment(std::time_t seconds) {
  return base::rfc3339(std::chrono::system_clock::from_time_t(seconds));
}

std::chrono::seconds until(std::time_t moment, std::time_t now) noexcept {
  return std::chrono::seconds(moment - now);
}

bool same_pair(const std::optional<StoredCertificate>& a, const std::optional<StoredCertificate>& b) {
  if (!a || !b) return !a && !b;
  return a->certificate.pair.chain == b->certificate.pair.chain && a->certificate.pair.key == b->certificate.pair.key;
}

constexpr std::string_view kInterrupted = "the balancer ended before the authority had answered";

}  // namespace

std::string_view to_string(Condition condition) noexcept {
  switch (condition) {
    case Condition::valid:
      return "valid";
    case Condition::waiting:
      return "waiting";
    case Condition::ordering:
      return "ordering";
    case Condition::failed:
      return "failed";
    case Condition::other_instance:
      return "waiting for another instance";
  }
  return "";
}

Manager::Manager(net::Executor executor, net::DeadlineWheel& wheel, Http& http, Challenges& challenges,
                 std::uint64_t seed)
    : wheel_(wheel), client_(executor, wheel, http, challenges), random_(seed), pause_(std::move(executor), wheel) {}

std::optional<Problem> Manager::configure(Settings settings) {
  if (!settings.domains.empty()) {
    if (auto problem = problem_of(settings)) return Problem{std::move(*problem)};
  }
  const bool same_folder = storage_ != nullptr && storage_->folder() == settings.storage;
  std::vector<Entry> entries;
  for (const std::string& domain : settings.domains) {
    Entry entry{.domain = domain};
    Entry* const known = same_folder ? find(domain) : nullptr;
    if (known != nullptr) {
      entry.stored = known->stored;
      entry.certificate_mark = known->certificate_mark;
      entry.unsaved = known->unsaved;
    }
    entries.push_back(std::move(entry));
  }
  const bool other_domains = settings.domains != settings_.domains;
  settings_ = std::move(settings);
  if (!same_folder) storage_ = std::make_shared<const Storage>(settings_.storage);
  entries_ = std::move(entries);
  authority_ = {};
  authority_mark_ = {};
  storage_problem_.clear();
  other_at_work_ = false;
  look();
  if (other_domains) changed();
  pause_.wake();
  return std::nullopt;
}

void Manager::stop() {
  stopped_ = true;
  client_.stop();
  pause_.wake();
}

net::Awaitable<void> Manager::run() {
  while (!stopped_) {
    look();
    if (!lacks_any()) {
      other_at_work_ = false;
    } else if (storage_problem_.empty()) {
      co_await work();
    }
    if (!stopped_) co_await pause_.until(next_look());
  }
}

// Whoever holds the lock orders all that is due; the others wait for what it stores.
net::Awaitable<void> Manager::work() {
  const std::shared_ptr<const Storage> storage = storage_;
  const auto lock = storage->lock();
  if (!lock) {
    tell_storage_problem(lock.problem().text);
    co_return;
  }
  const bool other_was_at_work = std::exchange(other_at_work_, !lock->has_value());
  if (other_at_work_) {
    if (!other_was_at_work) {
      base::log(base::LogLevel::info, "another instance is ordering certificates; what it stores is waited for");
    }
    co_return;
  }
  look();  // it may have stored what we want, or have failed
  while (!stopped_ && storage == storage_) {
    const Entry* const due = first_due();
    if (due == nullptr) break;
    co_await order(due->domain);
  }
}

net::Awaitable<void> Manager::order(std::string domain) {
  const Settings settings = settings_;
  const std::shared_ptr<const Storage> storage = storage_;
  Entry* entry = find(domain);
  if (entry->unsaved) {
    save_again(*entry, *storage);
    co_return;
  }
  const Attempts before = entry->attempts;
  // Noted before it is asked: a program that ends in the middle of it, again and again, does not ask each time.
  const Attempts ahead =
      after(before, {before.failures > 0 ? before.problem : std::string(kInterrupted)}, settings.directory);
  if (const auto problem = storage->save_attempts(domain, ahead)) {
    tell_storage_problem(problem->text);
    entry->attempts = ahead;
    entry->attempts.problem = problem->text;
    co_return;
  }
  ordering_ = domain;
  Outcome<Certificate> got = co_await client_.obtain(domain, settings, storage);
  ordering_.clear();
  if (got) {
    keep(domain, settings, *storage, std::move(*got));
  } else if (!stopped_) {
    note_failure(domain, before, got.problem(), *storage, settings.directory);
  }
}

void Manager::keep(const std::string& domain, const Settings& settings, const Storage& storage,
                   Certificate certificate) {
  StoredCertificate stored{std::move(certificate), settings.directory};
  const std::time_t not_after = stored.certificate.not_after;
  const std::string renewal = moment(renewal_of(stored.certificate));
  const auto unsaved = storage.save_certificate(domain, stored);
  auto problem = unsaved;
  // Otherwise it stays noted that it has been asked for, so that a restart waits a while before it asks again.
  if (!problem) problem = storage.forget_attempts(domain);
  if (!problem && authority_.failures > 0) problem = storage.forget_attempts({});
  Entry* const entry = find(domain);
  const bool renewed = entry != nullptr && entry->stored.has_value();
  base::log(base::LogLevel::info, "the certificate for " + domain + (renewed ? " was renewed" : " was obtained") +
                                      "; it is valid until " + moment(not_after) + " and is renewed from " + renewal);
  if (problem) base::log(base::LogLevel::error, problem->text);
  if (entry == nullptr || storage_.get() != &storage) return;
  entry->stored = std::move(stored);
  entry->certificate_mark = mark_of(storage.path_of(domain));
  entry->unsaved = unsaved.has_value();
  entry->attempts = {};
  told_.clear();
  if (unsaved) entry->attempts = after({}, *unsaved, settings.directory);
  authority_ = {};
  changed();
}

// What was obtained when the folder took nothing.
void Manager::save_again(Entry& entry, const Storage& storage) {
  auto problem = storage.save_certificate(entry.domain, *entry.stored);
  entry.unsaved = problem.has_value();
  entry.certificate_mark = mark_of(storage.path_of(entry.domain));
  if (!problem) problem = storage.forget_attempts(entry.domain);
  const Attempts before = std::exchange(entry.attempts, {});
  if (entry.unsaved) entry.attempts = after(before, *problem, before.directory);
  if (problem) base::log(base::LogLevel::error, problem->text);
}

void Manager::note_failure(const std::string& domain, const Attempts& before, const Problem& problem,
                           const Storage& storage, const std::string& directory) {
  const bool of_all = problem.scope == Problem::Scope::authority;
  const bool current = storage_.get() == &storage && settings_.directory == directory;
  Attempts noted;
  std::optional<Problem> unwritten;
  if (of_all) {
    // The domain is not to blame.
    noted = after(current ? authority_ : Attempts(), problem, directory);
    unwritten = storage.save_attempts({}, noted);
    if (!unwritten) {
      unwritten = before.failures > 0 ? storage.save_attempts(domain, before) : storage.forget_attempts(domain);
    }
    if (current) authority_ = noted;
  } else {
    noted = after(before, problem, directory);
    unwritten = storage.save_attempts(domain, noted);
    Entry* const entry = find(domain);
    if (current && entry != nullptr) entry->attempts = noted;
  }
  if (unwritten) base::log(base::LogLevel::error, unwritten->text);
  base::log(base::LogLevel::warning, "no certificate for " + domain + (of_all ? ", nor for any other domain: " : ": ") +
                                         problem.text + "; the next try is at " + moment(noted.next));
}

Attempts Manager::after(const Attempts& before, const Problem& problem, const std::string& directory) {
  const unsigned failures = before.failures + 1;
  const std::time_t at = now();
  const std::chrono::seconds pause = back_off(failures, problem.retry_after, random_.share());
  return {failures, at, at + pause.count(), problem.text, directory};
}

void Manager::tell_storage_problem(std::string text) {
  storage_problem_ = std::move(text);
  if (storage_problem_ == told_) return;
  told_ = storage_problem_;
  base::log(base::LogLevel::error, "certificates are not ordered: " + told_);
}

// Takes what is in the folder, which another instance, or somebody by hand, may have changed.
void Manager::look() {
  if (entries_.empty()) return;
  if (const auto problem = storage_->prepare()) {
    tell_storage_problem(problem->text);
    return;
  }
  storage_problem_.clear();
  bool any = false;
  for (Entry& entry : entries_) {
    if (load(entry)) any = true;
  }
  load_attempts({}, authority_mark_, authority_);
  if (any) changed();
}

// True: it has another certificate than before.
bool Manager::load(Entry& entry) {
  load_attempts(entry.domain, entry.attempts_mark, entry.attempts);
  const FileMark mark = mark_of(storage_->path_of(entry.domain));
  if (mark == entry.certificate_mark) return false;
  entry.certificate_mark = mark;
  auto stored = storage_->certificate(entry.domain);
  if (!stored) {
    base::log(base::LogLevel::warning, stored.problem().text + "; a new certificate is ordered");
    return false;  // one that was read before is as good as it was
  }
  // One that was removed is ordered anew, and served until then.
  if (!stored->has_value()) return false;
  const bool other = !same_pair(entry.stored, *stored);
  entry.stored = std::move(*stored);
  entry.unsaved = false;
  return other;
}

void Manager::load_attempts(const std::string& domain, FileMark& mark, Attempts& attempts) {
  const FileMark found = mark_of(storage_->attempts_path(domain));
  if (found == mark) return;
  mark = found;
  attempts = storage_->attempts(domain, settings_.directory);
  // The clock was set back since.
  const std::time_t today = now();
  if (attempts.at > today) {
    attempts.next = today + attempts.next - attempts.at;
    attempts.at = today;
  }
  attempts.next = std::min(attempts.next, today + std::time_t(kRetryAfterMax.count()));
}

void Manager::changed() const {
  if (on_change_) on_change_();
}

Manager::Entry* Manager::find(const std::string& domain) noexcept {
  const auto found = std::ranges::find(entries_, domain, &Entry::domain);
  return found == entries_.end() ? nullptr : &*found;
}

// 0: at once.
std::time_t Manager::wanted_from(const Entry& entry) const noexcept {
  if (entry.unsaved) return 0;
  const bool ours = entry.stored && entry.stored->directory == settings_.directory && entry.certificate_mark.inode != 0;
  return ours ? renewal_of(entry.stored->certificate) : 0;
}

std::time_t Manager::next_try(const Entry& entry) const noexcept {
  return std::max({wanted_from(entry), entry.attempts.next, authority_.next});
}

// Also what is not to be tried yet: another instance may be about to store it.
bool Manager::lacks_any() const noexcept {
  const std::time_t today = now();
  return std::ranges::any_of(entries_, [&](const Entry& entry) { return wanted_from(entry) <= today; });
}

Manager::Entry* Manager::first_due() noexcept {
  const std::time_t today = now();
  Entry* first = nullptr;
  for (Entry& entry : entries_) {
    if (next_try(entry) > today) continue;
    if (first == nullptr || next_try(entry) < next_try(*first)) first = &entry;
  }
  return first;
}

base::Deadline Manager::next_look() const noexcept {
  if (entries_.empty()) return base::kNever;
  if (other_at_work_) return wheel_.after(kOtherLook);
  if (!storage_problem_.empty()) return wheel_.after(kBackOffMin);
  std::chrono::seconds soonest = kStorageLook;
  const std::time_t today = now();
  for (const Entry& entry : entries_) soonest = std::min(soonest, until(next_try(entry), today));
  return wheel_.after(std::max(soonest, std::chrono::seconds(1)));
}

std::vector<State> Manager::states() const {
  std::vector<State> states;
  states.reserve(entries_.size());
  for (const Entry& entry : entries_) states.push_back(state_of(entry));
  return states;
}

State Manager::state_of(const Entry& entry) const {
  const std::time_t today = now();
  State state{.domain = entry.domain};
  state.next_try = std::max(next_try(entry), today);
  if (entry.stored) state.not_after = entry.stored->certificate.not_after;
  const bool wanted = wanted_from(entry) <= today;
  if (entry.attempts.failures > 0) {
    state.problem = entry.attempts.problem;
  } else if (wanted && authority_.failures > 0) {
    state.problem = authority_.problem;
  }
  if (wanted && !storage_problem_.empty()) state.problem = storage_problem_;
  if (ordering_ == entry.domain) {
    state.condition = Condition::ordering;
  } else if (wanted && other_at_work_) {
    state.condition = Condition::other_instance;
  } else if (!state.problem.empty()) {
    state.condition = Condition::failed;
  } else if (state.not_after > today) {
    state.condition = Condition::valid;
  }
  return state;
}

std::vector<Stored> Manager::certificates() const {
  std::vector<Stored> all;
  for (const Entry& entry : entries_) {
    if (!entry.stored) continue;
    const Certificate& certificate = entry.stored->certificate;
    all.push_back({entry.domain, storage_->path_of(entry.domain), certificate.pair, certificate.not_after});
  }
  return all;
}

}  // namespace lb::acme
