// Pipes through which bytes go from one socket to another without leaving the kernel (man splice(2)), and the pool of a
// worker's.
#pragma once

#include <cstddef>
#include <optional>
#include <sys/types.h>
#include <utility>
#include <vector>

#include "net/deadline_wheel.hpp"
#include "net/executor.hpp"

namespace lb::net {

class PipePool;

// Owned; returns to its pool. Movable, empty after a move. Must not outlive the pool. One thread.
class Pipe {
 public:
  Pipe() noexcept = default;
  Pipe(Pipe&& other) noexcept { swap(other); }
  Pipe& operator=(Pipe&& other) noexcept {
    Pipe taken(std::move(other));
    swap(taken);
    return *this;
  }
  ~Pipe();

  [[nodiscard]] explicit operator bool() const noexcept { return ends_.out >= 0; }
  // Bytes that were taken in and not given yet.
  [[nodiscard]] std::size_t held() const noexcept { return held_; }

  // These never wait: they return -EAGAIN instead, as system calls do. The socket is a non-blocking one.

  // Takes in what is at hand, up to `bytes_max`. Gives how many bytes that was; 0 at the end; -errno. An end behind
  // some bytes is told by the next call.
  [[nodiscard]] ssize_t fill_from(int socket, std::size_t bytes_max) noexcept;
  // Gives what there is room for: how many bytes that was, or -errno. Only while it holds some.
  [[nodiscard]] ssize_t drain_to(int socket) noexcept;
  // The same into memory, for what no socket takes.
  [[nodiscard]] ssize_t read(asio::mutable_buffer into) noexcept;

  // Whether the kernel does not splice this socket, so that it is to be read or written in the usual way, which also
  // tells what is wrong if something is.
  [[nodiscard]] static bool is_refusal(ssize_t result) noexcept;

 private:
  friend class PipePool;

  struct Ends {
    int out = -1;  // read from
    int in = -1;   // written to
  };

  Pipe(PipePool& pool, Ends ends) noexcept : pool_(&pool), ends_(ends) {}
  void swap(Pipe& other) noexcept {
    std::swap(pool_, other.pool_);
    std::swap(ends_, other.ends_);
    std::swap(held_, other.held_);
    std::swap(end_, other.end_);
  }

  PipePool* pool_ = nullptr;
  Ends ends_;
  std::size_t held_ = 0;
  std::optional<ssize_t> end_;  // of the source, behind the bytes that are held
};

class PipePool {
 public:
  // None until limit() says how many. The wheel outlives the pool.
  explicit PipePool(DeadlineWheel& wheel) noexcept;
  ~PipePool();
  PipePool(const PipePool&) = delete;
  PipePool& operator=(const PipePool&) = delete;

  // So many at once, in use and kept. Each is two descriptors.
  void limit(std::size_t pipes_max) noexcept { pipes_max_ = pipes_max; }

  // An empty one. None where the limit is reached, or the kernel gives none that is worth it: its user has too many.
  [[nodiscard]] Pipe take();

  [[nodiscard]] std::size_t in_use() const noexcept { return in_use_; }
  [[nodiscard]] std::size_t kept() const noexcept { return kept_.size(); }

 private:
  friend class Pipe;

  static void close_both(Pipe::Ends ends) noexcept;
  void give_back(Pipe::Ends ends, bool empty) noexcept;
  void sweep() noexcept;

  DeadlineWheel& wheel_;
  std::size_t pipes_max_ = 0;
  std::size_t in_use_ = 0;
  std::vector<Pipe::Ends> kept_;  // the one that was used last is used next
  std::size_t unused_ = 0;        // so many, in front, were not taken since the last sweep
  DeadlineWheel::Entry sweep_;
  bool sweeping_ = false;
};

}  // namespace lb::net
