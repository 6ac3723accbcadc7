// What can go wrong with a certificate, as a sentence for people.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

namespace lb::acme {

struct Problem {
  // Whose order could not succeed either: one domain's, or everybody's, so that the others need not ask.
  enum class Scope : std::uint8_t { domain, authority };

  std::string text;    // without its full stop; harmless to print
  std::string type{};  // as RFC 8555 section 6.7 has it, without its prefix; empty: not said by the authority
  std::chrono::seconds retry_after{0};  // that the authority asks for; 0: it does not
  Scope scope = Scope::domain;
  bool other_way = false;  // the domain could not be proved to be ours in this way; another one may succeed
};

// Either a value or a problem.
template <class T>
class Outcome {
 public:
  Outcome(T value) : value_(std::move(value)) {}              // NOLINT(google-explicit-constructor)
  Outcome(Problem problem) : problem_(std::move(problem)) {}  // NOLINT(google-explicit-constructor)

  [[nodiscard]] bool has_value() const noexcept { return value_.has_value(); }
  explicit operator bool() const noexcept { return has_value(); }

  // Precondition: has_value().
  [[nodiscard]] T& operator*() noexcept { return *value_; }
  [[nodiscard]] const T& operator*() const noexcept { return *value_; }
  [[nodiscard]] T* operator->() noexcept { return &*value_; }
  [[nodiscard]] const T* operator->() const noexcept { return &*value_; }

  // Precondition: !has_value().
  [[nodiscard]] Problem& problem() noexcept { return problem_; }
  [[nodiscard]] const Problem& problem() const noexcept { return problem_; }

 private:
  std::optional<T> value_;
  Problem problem_;
};

}  // namespace lb::acme
