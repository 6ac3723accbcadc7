// Keeps a certificate for each domain: loads what is stored, orders what is missing, renews in time. A life of its own
// on the control thread.
#pragma once

#include <cstdint>
#include <ctime>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "acme/client.hpp"
#include "acme/settings.hpp"
#include "acme/storage.hpp"
#include "base/random.hpp"
#include "net/pause.hpp"

namespace lb::acme {

enum class Condition : std::uint8_t {
  valid,
  waiting,         // nothing at hand yet; its turn comes
  ordering,        // the authority is being asked
  failed,          // the last try; what is at hand is served on
  other_instance,  // which shares the storage and is at work
};
// "valid", "waiting", "ordering", "failed", "waiting for another instance".
[[nodiscard]] std::string_view to_string(Condition condition) noexcept;

struct State {
  std::string domain;
  Condition condition = Condition::waiting;
  std::time_t not_after = 0;  // Unix seconds; 0: there is no certificate
  std::string problem{};      // of the last try; empty: none
  std::time_t next_try = 0;   // or renewal, Unix seconds
};

struct Stored {
  std::string domain;
  std::string path;  // of the file with both
  Pair pair;
  std::time_t not_after = 0;  // Unix seconds; it may be over
};

// One thread: that of the executor.
class Manager {
 public:
  // All of these outlive the manager.
  Manager(net::Executor executor, net::DeadlineWheel& wheel, Http& http, Challenges& challenges, std::uint64_t seed);

  // Called when certificates() has become another set. It must not call configure().
  void on_change(std::function<void()> call) { on_change_ = std::move(call); }

  // From now on, and loads what is stored at once. An order under way goes on. A problem: the settings are wrong, and
  // nothing has changed; a folder that cannot be used is told by states().
  [[nodiscard]] std::optional<Problem> configure(Settings settings);

  // Orders and renews until stop(). A task of whoever runs it.
  [[nodiscard]] net::Awaitable<void> run();

  // Ends run(). A question that is under way is waited for, kAnswerTime at most.
  void stop();

  [[nodiscard]] std::vector<State> states() const;
  [[nodiscard]] std::vector<Stored> certificates() const;

 private:
  struct Entry {
    std::string domain;
    FileMark certificate_mark{};
    FileMark attempts_mark{};
    std::optional<StoredCertificate> stored{};
    bool unsaved = false;  // it is here alone
    Attempts attempts{};
  };

  [[nodiscard]] std::time_t now() const noexcept { return wheel_.clock().wall_seconds(); }
  [[nodiscard]] Entry* find(const std::string& domain) noexcept;
  [[nodiscard]] std::time_t wanted_from(const Entry& entry) const noexcept;
  [[nodiscard]] std::time_t next_try(const Entry& entry) const noexcept;
  [[nodiscard]] bool lacks_any() const noexcept;
  [[nodiscard]] Entry* first_due() noexcept;
  [[nodiscard]] base::Deadline next_look() const noexcept;
  [[nodiscard]] State state_of(const Entry& entry) const;

  void look();
  [[nodiscard]] bool load(Entry& entry);
  void load_attempts(const std::string& domain, FileMark& mark, Attempts& attempts);
  void changed() const;

  net::Awaitable<void> work();
  net::Awaitable<void> order(std::string domain);
  void save_again(Entry& entry, const Storage& storage);
  void keep(const std::string& domain, const Settings& settings, const Storage& storage, Certificate certificate);
  void note_failure(const std::string& domain, const Attempts& before, const Problem& problem, const Storage& storage,
                    const std::string& directory);
  [[nodiscard]] Attempts after(const Attempts& before, const Problem& problem, const std::string& directory);
  void tell_storage_problem(std::string text);

  net::DeadlineWheel& wheel_;
  Client client_;
  base::Random random_;
  net::Pause pause_;
  std::function<void()> on_change_;

  Settings settings_;
  std::shared_ptr<const Storage> storage_;
  std::vector<Entry> entries_;
  Attempts authority_;
  FileMark authority_mark_;
  std::string storage_problem_;  // nobody is asked while the folder cannot be used
  std::string told_;             // the last problem of the folder that was logged
  std::string ordering_;         // a domain, or empty
  bool other_at_work_ = false;
  bool stopped_ = false;
};

}  // namespace lb::acme
