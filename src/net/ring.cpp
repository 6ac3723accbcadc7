#include "net/ring.hpp"

#include <cerrno>
#include <cstring>
#include <liburing.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/check.hpp"

namespace lb::net {
namespace {

// Handed over at the latest when so many have been begun: what the first of a turn have to say is not held up by all
// the others.
constexpr unsigned kBatch = 32;
constexpr unsigned kSubmissionEntries = 256;
// Results that do not fit are kept by the kernel, at a price.
constexpr unsigned kCompletionEntries = 4096;
// Free buffers for receives of all connections of the worker; a power of two. A buffer is in use from the moment its
// bytes have come until they are read, which is mostly the same turn.
constexpr unsigned kBufferCount = 64;
constexpr int kBufferGroup = 0;
// How often the kernel may take no more entries, and mostly milliseconds for which.
constexpr int kSubmitTriesMax = 5000;
// Operations whose outcome nobody waits for.
constexpr std::uint64_t kNobody = 0;

// Wanted: no interrupts for results (they are picked up when we ask), one thread, and results of receives that tell
// whether there is more.
constexpr unsigned kSetup = IORING_SETUP_CQSIZE | IORING_SETUP_SUBMIT_ALL | IORING_SETUP_COOP_TASKRUN |
                            IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_R_DISABLED;

constexpr std::size_t kListBytes = 4096;  // a page, so that the buffers begin with one
constexpr std::size_t kMemoryBytes = kListBytes + kBufferCount * Ring::kBufferBytes;
static_assert(kBufferCount * sizeof(io_uring_buf) <= kListBytes);

}  // namespace

Ring::Ring(std::unique_ptr<io_uring> ring) noexcept
    : ring_(std::move(ring)), woken_([](Operation&, const Outcome&) noexcept {}) {}

std::unique_ptr<Ring> Ring::open(std::string& problem) {
  auto kernel = std::make_unique<io_uring>();
  io_uring_params params{};
  params.flags = kSetup;
  params.cq_entries = kCompletionEntries;
  const int refused = io_uring_queue_init_params(kSubmissionEntries, kernel.get(), &params);
  if (refused < 0) {
    problem = refused == -EINVAL ? "it is too old, before Linux 6.1" : std::strerror(-refused);
    return nullptr;
  }
  std::unique_ptr<Ring> ring(new Ring(std::move(kernel)));  // the constructor is private
  ring->wake_descriptor_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (ring->wake_descriptor_ < 0 || !ring->register_buffers()) {
    problem = std::strerror(errno);
    return nullptr;
  }
  return ring;
}

bool Ring::register_buffers() noexcept {
  void* memory = ::mmap(nullptr, kMemoryBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return false;
  memory_ = memory;
  io_uring_buf_reg registration{};
  registration.ring_addr = reinterpret_cast<std::uintptr_t>(memory);
  registration.ring_entries = kBufferCount;
  registration.bgid = kBufferGroup;
  const int refused = io_uring_register_buf_ring(ring_.get(), &registration, 0);
  if (refused < 0) {
    errno = -refused;
    return false;
  }
  io_uring_buf_ring_init(static_cast<io_uring_buf_ring*>(memory_));
  for (unsigned id = 0; id < kBufferCount; ++id) give_back(static_cast<int>(id));
  return true;
}

Ring::~Ring() {
  io_uring_queue_exit(ring_.get());
  if (memory_ != nullptr) ::munmap(memory_, kMemoryBytes);
  if (wake_descriptor_ >= 0) ::close(wake_descriptor_);
}

void Ring::enable() noexcept {
  LB_CHECK(io_uring_enable_rings(ring_.get()) == 0);
  io_uring_register_ring_fd(ring_.get());  // spares a lookup at each system call; a refusal costs just that
  await_wake();
}

void Ring::await_wake() noexcept {
  io_uring_sqe* entry = next_entry();
  io_uring_prep_poll_add(entry, wake_descriptor_, POLLIN);
  io_uring_sqe_set_data(entry, &woken_);
  woken_.pending = true;  // not counted: it always pends
}

void Ring::wake() noexcept {
  const std::uint64_t one = 1;
  // It can only fail when the counter is full, and then the ring is woken anyhow.
  static_cast<void>(!::write(wake_descriptor_, &one, sizeof one));
}

void Ring::turn(base::Duration timeout) noexcept {
  io_uring_cqe* first = nullptr;
  // With results left over from the last turn liburing would not ask the kernel for more: others would starve.
  const bool more = io_uring_cq_ready(ring_.get()) > 0;
  if (more || timeout <= base::Duration::zero()) {
    io_uring_submit_and_get_events(ring_.get());
  } else if (timeout == kForever) {
    io_uring_submit_and_wait(ring_.get(), 1);
  } else {
    __kernel_timespec limit{};
    limit.tv_sec = timeout.count() / 1000;
    limit.tv_nsec = (timeout.count() % 1000) * 1'000'000;
    io_uring_submit_and_wait_timeout(ring_.get(), &first, 1, &limit, nullptr);
  }
  call_what_is_done();
}

void Ring::call_what_is_done() noexcept {
  // No more than were there at the beginning: what they bring about is for the next turn, behind posted work.
  for (unsigned left = io_uring_cq_ready(ring_.get()); left > 0; --left) {
    io_uring_cqe* entry = nullptr;
    if (io_uring_peek_cqe(ring_.get(), &entry) != 0) break;
    auto* operation = static_cast<Operation*>(io_uring_cqe_get_data(entry));
    Outcome outcome{.result = entry->res};
    if ((entry->flags & IORING_CQE_F_BUFFER) != 0) outcome.buffer = static_cast<int>(entry->flags >> 16U);
    outcome.more_to_read = (entry->flags & IORING_CQE_F_SOCK_NONEMPTY) != 0;
    io_uring_cqe_seen(ring_.get(), entry);
    if (operation == nullptr) {
      --pending_;
      continue;
    }
    operation->pending = false;
    if (operation == &woken_) {
      std::uint64_t count = 0;
      static_cast<void>(!::read(wake_descriptor_, &count, sizeof count));
      await_wake();
      continue;
    }
    --pending_;
    operation->done(*operation, outcome);
    if (io_uring_sq_ready(ring_.get()) >= kBatch) io_uring_submit(ring_.get());
  }
}

io_uring_sqe* Ring::next_entry() noexcept {
  io_uring_sqe* entry = io_uring_get_sqe(ring_.get());
  for (int tries = 0; entry == nullptr; ++tries) {
    const int submitted = io_uring_submit_and_get_events(ring_.get());  // what has ended makes room in the kernel, too
    entry = io_uring_get_sqe(ring_.get());
    if (entry != nullptr) continue;
    // The kernel is short of memory, or flooded with results, for a moment. Without an end to it nothing can be served,
    // and whoever supervises the process has to know.
    if (tries == kSubmitTriesMax) base::check_failed("io_uring takes no more entries", __FILE__, __LINE__);
    if (submitted < 0) static_cast<void>(::poll(nullptr, 0, 1));
  }
  return entry;
}

void Ring::begin(Operation& operation, io_uring_sqe* entry) noexcept {
  LB_CHECK(!operation.pending);
  operation.pending = true;
  ++pending_;
  io_uring_sqe_set_data(entry, &operation);
}

void Ring::receive_into_ring(Operation& operation, int descriptor) noexcept {
  io_uring_sqe* entry = next_entry();
  io_uring_prep_recv(entry, descriptor, nullptr, 0, 0);
  entry->flags |= IOSQE_BUFFER_SELECT;
  entry->buf_group = kBufferGroup;
  entry->ioprio |= IORING_RECVSEND_POLL_FIRST;
  begin(operation, entry);
}

char* Ring::buffer(int id) const noexcept {
  return static_cast<char*>(memory_) + kListBytes + static_cast<std::size_t>(id) * kBufferBytes;
}

void Ring::give_back(int id) noexcept {
  auto* free = static_cast<io_uring_buf_ring*>(memory_);
  io_uring_buf_ring_add(free, buffer(id), kBufferBytes, static_cast<unsigned short>(id),
                        io_uring_buf_ring_mask(kBufferCount), 0);
  io_uring_buf_ring_advance(free, 1);
}

void Ring::receive(Operation& operation, int descriptor, std::span<char> into, bool expected) noexcept {
  io_uring_sqe* entry = next_entry();
  io_uring_prep_recv(entry, descriptor, into.data(), into.size(), 0);
  if (!expected) entry->ioprio |= IORING_RECVSEND_POLL_FIRST;
  begin(operation, entry);
}

void Ring::send(Operation& operation, int descriptor, std::span<const char> bytes, int flags) noexcept {
  io_uring_sqe* entry = next_entry();
  io_uring_prep_send(entry, descriptor, bytes.data(), bytes.size(), flags | MSG_NOSIGNAL);
  begin(operation, entry);
}

void Ring::send(Operation& operation, int descriptor, const msghdr& message, int flags) noexcept {
  io_uring_sqe* entry = next_entry();
  io_uring_prep_sendmsg(entry, descriptor, &message, static_cast<unsigned>(flags | MSG_NOSIGNAL));
  begin(operation, entry);
}

void Ring::connect(Operation& operation, int descriptor, const sockaddr& address, socklen_t size) noexcept {
  io_uring_sqe* entry = next_entry();
  io_uring_prep_connect(entry, descriptor, &address, size);
  begin(operation, entry);
}

void Ring::accept(Operation& operation, int descriptor, sockaddr& address, socklen_t& size) noexcept {
  io_uring_sqe* entry = next_entry();
  io_uring_prep_accept(entry, descriptor, &address, &size, SOCK_CLOEXEC);
  begin(operation, entry);
}

void Ring::wait_readable(Operation& operation, int descriptor) noexcept {
  io_uring_sqe* entry = next_entry();
  io_uring_prep_poll_add(entry, descriptor, POLLIN);
  begin(operation, entry);
}

void Ring::wait_writable(Operation& operation, int descriptor) noexcept {
  io_uring_sqe* entry = next_entry();
  io_uring_prep_poll_add(entry, descriptor, POLLOUT);
  begin(operation, entry);
}

void Ring::cancel(Operation& operation) noexcept {
  io_uring_sqe* entry = next_entry();
  io_uring_prep_cancel(entry, &operation, 0);
  io_uring_sqe_set_data64(entry, kNobody);
  ++pending_;
}

void Ring::close(int descriptor) noexcept {
  io_uring_sqe* entry = next_entry();
  io_uring_prep_close(entry, descriptor);
  io_uring_sqe_set_data64(entry, kNobody);
  ++pending_;
}

}  // namespace lb::net
