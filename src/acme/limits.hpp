// The bounds of the work on certificates that nobody else has to know; the others are in base/limits.hpp.
#pragma once

#include <chrono>
#include <cstddef>

#include "base/limits.hpp"

namespace lb::acme {

// Of an answer of the authority. A chain of four certificates has about 8 KiB.
inline constexpr std::size_t kAnswerBytesMax = 256 * 1024;
// Of an address that it names, a token, and a nonce.
inline constexpr std::size_t kUrlBytesMax = 2048;
inline constexpr std::size_t kTokenBytesMax = 512;
inline constexpr std::size_t kNonceBytesMax = 512;
// Of its words, what is told to people.
inline constexpr std::size_t kSaidBytesMax = 400;
inline constexpr std::size_t kChainMax = 10;
inline constexpr std::size_t kAuthorizationsMax = 4;  // of an order for one domain, which has one
// Of a file in the storage.
inline constexpr std::size_t kFileBytesMax = 512 * 1024;

// One question. Some authorities take their time over an order.
inline constexpr base::Duration kAnswerTime{30'000};
// An order as a whole, all its questions and pauses together.
inline constexpr base::Duration kOrderTime{600'000};
// Between two looks at what the authority works on, twice as long each time, unless it asks for another pause; and how
// many looks there are.
inline constexpr std::chrono::seconds kPollPause{1};
inline constexpr std::chrono::seconds kPollPauseMax{8};
inline constexpr int kPollsMax = 60;
// A nonce that was not taken is no failure (RFC 8555 section 6.5), nor is it many times in a row.
inline constexpr int kNonceTriesMax = 10;

// After a failure; each further one in a row doubles the pause.
inline constexpr std::chrono::seconds kBackOffMin{60};
inline constexpr std::chrono::seconds kBackOffMax{std::chrono::hours(12)};
// What an authority may ask for. Let's Encrypt counts by the week.
inline constexpr std::chrono::seconds kRetryAfterMax{std::chrono::hours(8 * 24)};

// How often the storage is looked at for what another instance has put there; and while that one is at work.
inline constexpr std::chrono::seconds kStorageLook{600};
inline constexpr std::chrono::seconds kOtherLook{10};

// A stand-in is there for as long as it takes to get a certificate; each start makes a new one.
inline constexpr std::chrono::seconds kStandInTime{std::chrono::hours(7 * 24)};
// Clocks differ: what we make is valid from a while ago.
inline constexpr std::chrono::seconds kClockSkew{std::chrono::hours(1)};

}  // namespace lb::acme
