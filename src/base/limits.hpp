// Every fixed bound of the program that has no key in the configuration file, with the reason for its value.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/clock.hpp"

namespace lb::base {

// A head and the first bytes of a body nearly always fit; the same size as nginx' and HAProxy's buffers.
inline constexpr std::size_t kSmallBlockBytes = 16 * 1024;
// Bodies that fill a small block move on in larger ones: fewer system calls per megabyte.
inline constexpr std::size_t kLargeBlockBytes = 128 * 1024;
// Free blocks of each size a worker keeps for the next connection, rather than give back to the allocator.
inline constexpr std::size_t kFreeBlocksMax = 256;
// What nobody has needed for so long, or up to twice that, is given back all the same.
inline constexpr Duration kBlocksUnusedFor{1000};
// Bodies of which at least so much is still to come go through a pipe inside the kernel, where one is to be had. With
// 32 to 64 KiB to come no difference to copying was measured, with 112 KiB splicing costs two thirds
// (docs/performance.md).
inline constexpr std::size_t kSpliceBytesMin = 40 * 1024;
// What such a body moves before others have their turn.
inline constexpr std::size_t kSpliceTurnBytes = 512 * 1024;
// A pipe's room: for twice that, as packets fill its pages badly. Any user may have that much (fs.pipe-max-size). One
// that has less than the kernel's usual is not worth it.
inline constexpr int kPipeBytes = 1024 * 1024;
inline constexpr int kPipeBytesMin = 64 * 1024;
// Pipes of a worker, in use and kept, if descriptors allow; and those that it keeps for kBlocksUnusedFor.
inline constexpr std::size_t kPipesMax = 64;
inline constexpr std::size_t kPipesKept = 16;
// Between two looks for idle connections to backends that are to be closed.
inline constexpr Duration kPoolSweepPause{250};
// Exchanges, and states of connections with a request, that a worker keeps for the next ones, with what their buffers
// have grown to.
inline constexpr std::size_t kPooledExchangesMax = 512;
// Idle connections to backends that are one client connection's own, because they began with its PROXY header.
inline constexpr std::size_t kIntroducedMax = 4;

// Interim (1xx) answers of one exchange, their heads together: hundreds of hints, one for each asset of a page.
inline constexpr std::size_t kInterimBytesMax = 256 * 1024;
// How long they may put the final answer off, as a multiple of the time for its first byte, which each of them begins
// anew.
inline constexpr int kInterimTimeFactor = 4;
// How long a success is evidence that a backend serves others well, against a request that fails at it.
inline constexpr Duration kServedLately{60'000};
// Of a request line, what tells kinds of requests apart.
inline constexpr std::size_t kRequestKindBytes = 128;
// One chunk-size line with its extensions (RFC 9112 section 7.1.1 asks for a bound).
inline constexpr std::size_t kChunkLineBytesMax = 4 * 1024;
// All trailer fields of one message together.
inline constexpr std::size_t kTrailerBytesMax = 16 * 1024;
// Bytes of one chunked body, beyond its data and what a sender needs to frame it, that extensions and tiny chunks may
// take.
inline constexpr std::size_t kChunkOverheadMax = 16 * 1024;
// Options that the Connection fields of one head name: each is compared with each field.
inline constexpr std::size_t kConnectionOptionsMax = 64;
// Empty lines before a request line that are read over (RFC 9112 section 2.2 asks for at least one).
inline constexpr std::size_t kLeadingEmptyLinesMax = 8;

// The granularity of all timeouts.
inline constexpr Duration kWheelTick{10};
// A wheel that is looked at so much later than it asked for: the process was stopped, or the machine suspended.
inline constexpr Duration kSuspended{100};
// Turns of the loop that then take in what has arrived meanwhile, before a deadline is believed.
inline constexpr int kTurnsAfterSuspension = 16;
// A request that waits longer than this for its answer has its client watched for going away.
inline constexpr Duration kAbortWatchDelay{50};
// A client that asked for 100-continue and then sends its body unasked is believed after this time, as curl does it.
inline constexpr Duration kContinueWait{1000};
// How long a connection is watched after an answer to HEAD, behind which a body may follow, before it is used again.
inline constexpr Duration kProbationTime{500};
// So many silent ones, and a backend's connections are used again at once,
inline constexpr unsigned kProbationsPassed = 2;
// but for one in so many, which is watched all the same.
inline constexpr unsigned kProbationSample = 16;
// How many connections a worker watches at once.
inline constexpr std::size_t kProbationsMax = 64;
// Before the same backend is tried again for one request; doubles with each further try. With jitter of +-50%.
inline constexpr Duration kRetryPause{50};
// After an answer that ends a connection we still read what the client was sending, so that the kernel does not reset
// the connection and destroy the answer in flight (RFC 9112 section 9.6).
inline constexpr Duration kLingerTime{2000};
inline constexpr std::size_t kLingerBytesMax = 4 * 1024 * 1024;
// How long a connection that was accepted, but has sent nothing yet, is waited for once the server stops.
inline constexpr Duration kDrainNewConnection{1000};
// The same for a connection whose last answer is not older than this: a busy client's next request is on its way.
inline constexpr Duration kDrainBusyConnection{200};
// Idle connections that are asked to make way for a new one, one after the other.
inline constexpr std::size_t kMakeWayAskedMax = 16;
// How long the other workers are waited for, one of which may let an idle connection go.
inline constexpr Duration kMakeRoomTime{1000};
// Connections over the limit that are answered 503 at the same time; those beyond wait in the kernel's queue.
inline constexpr std::size_t kTurnedAwayMax = 256;
// Descriptors for everything but connections: standard streams, event loops, sockets of health checks.
inline constexpr std::size_t kDescriptorsReserved = 24;
// With fewer that it may open a process does not start.
inline constexpr std::size_t kDescriptorsMin = 20;
// How long accepting rests when the process is out of descriptors.
inline constexpr Duration kAcceptPause{100};
// The first round of health checks, before the port opens.
inline constexpr Duration kFirstRoundTime{1000};
// A name is looked up again when its TTL is over, within these: some say 0, and some a day.
inline constexpr Duration kAddressTimeMin{1000};
inline constexpr Duration kAddressTimeMax{300'000};
// What was found in the hosts file, which has no TTL.
inline constexpr Duration kHostsFileTime{30'000};
// The longest pause between lookups that find nothing; the first is kAddressTimeMin, each further one twice as long.
inline constexpr Duration kLookupPauseMax{5000};
// A lookup as a whole, however many servers and search domains there are.
inline constexpr Duration kLookupTimeMax{120'000};
// How long IPv4 is waited for when there are addresses of IPv6, and the other way round.
inline constexpr Duration kOtherFamilyTime{500};
// A name is looked up again at most this often because connecting to it fails.
inline constexpr Duration kRefreshEvery{1000};
// Addresses of one name that are used: the first, in order, of those that are looked at, so that they are the same ones
// whatever the order of the answer.
inline constexpr std::size_t kAddressesMax = 16;
inline constexpr std::size_t kAnswerAddressesMax = 256;
// How long an address that could not be connected to comes after the others of its name.
inline constexpr Duration kAddressAvoided{10'000};
// What an HTTP health check reads of an answer.
inline constexpr std::size_t kCheckBodyBytesMax = 64 * 1024;
inline constexpr std::size_t kCheckHeaderBytesMax = 16 * 1024;
inline constexpr std::size_t kCheckHeaderCountMax = 128;
// How often the exchange that waits longest for a backend with room looks again: others may have given theirs up on
// other workers.
inline constexpr Duration kQueueLook{10};
// Retries that a worker's budget allows on top of its share: those of a crowd that one backend took with it.
inline constexpr unsigned kRetryReserve = 1000;

// A backend that a load-aware policy has not chosen for so long is asked again, whatever is known of it. The backends
// are looked over for that so often, a few with each pick.
inline constexpr Duration kExploreAfter{3'000};
inline constexpr Duration kExploreLook{100};
inline constexpr std::uint32_t kOverdueLooks = 16;
// A stalled backend is tried so often, and by a request that cannot be repeated elsewhere if no other has come for so
// long.
inline constexpr Duration kTrialPause{1'000};
inline constexpr Duration kTrialOfUnrepeatable{10'000};
inline constexpr Duration kTrialLook{50};  // how often it is looked whether one is due
// While an answer is awaited its exchange looks around so many times before the time of `stall` is over, and at least
// that often.
inline constexpr int kStallLooks = 4;
inline constexpr Duration kStallLookMin{20};
inline constexpr Duration kStallLookMax{1'000};  // or the time of `stall`, if that is longer
// Other backends that are looked at to see whether they answer.
inline constexpr std::uint32_t kStallOthers = 64;
// Turns that were passed over are looked at for whoever asks why, up to so many.
inline constexpr std::size_t kPassedOverStepsMax = 32;
// Backends that cannot be reached at which one request knocks.
inline constexpr unsigned kKnocksMax = 8;
// Requests that each worker remembers for whoever asks why, and of those that failed or were repeated.
inline constexpr std::size_t kRecentRequestsMax = 1024;
inline constexpr std::size_t kRecentNotableMax = 256;
// Health checks of each backend whose results are remembered.
inline constexpr std::size_t kChecksKept = 10;
// Of what a log keeps of a request line, and of a field: the rest is left out.
inline constexpr std::size_t kLoggedTextBytesMax = 1024;
// An id that a client gave its request; longer ones are replaced.
inline constexpr std::size_t kRequestIdBytesMax = 128;

// Lines of the access log that a worker hands over at once, and how long it may keep fewer.
inline constexpr std::size_t kAccessLogBlockBytes = 32 * 1024;
inline constexpr Duration kAccessLogDelay{100};
// Blocks that wait to be written: 8 MiB, a disk's pause of half a second under full load.
inline constexpr std::size_t kAccessLogBlocksMax = 256;
// How often it is said that blocks were dropped.
inline constexpr Duration kDroppedSaidEvery{60'000};
// How long the end of the process waits for whoever reads a log by a pipe.
inline constexpr Duration kLogFileEndTime{1000};
// How long it waits for any log: a disk or a terminal may never take what is written to it.
inline constexpr Duration kLogEndTime{5000};

// Connections to the admin interface that are served at once; as many more are told that there are too many.
inline constexpr std::size_t kAdminConnectionsMax = 32;
// What a request to it may consist of.
inline constexpr std::size_t kAdminHeaderBytesMax = 16 * 1024;
inline constexpr std::size_t kAdminHeaderCountMax = 100;
inline constexpr std::size_t kAdminBodyBytesMax = 64 * 1024;
// How long it waits for the rest of a request, or for room for its answer; and between two requests.
inline constexpr Duration kAdminPatience{10'000};
inline constexpr Duration kAdminIdle{60'000};
// How long its port is waited for after a take-over: the predecessor has to give it up.
inline constexpr Duration kAdminPortWait{10'000};

// Failed and repeated requests that those who watch are told of at once, and that are kept for whoever comes next.
inline constexpr std::size_t kRequestEventsMax = 50;
inline constexpr std::size_t kRequestEventsKept = 200;

static_assert(kAddressesMax <= kAnswerAddressesMax);
static_assert(kRequestEventsMax <= kRecentNotableMax);
static_assert(kChunkLineBytesMax < kSmallBlockBytes);
static_assert(kTrailerBytesMax <= kSmallBlockBytes);
static_assert(kSmallBlockBytes < kLargeBlockBytes);

}  // namespace lb::base
