// Tells the supervisor that has started this process how it is: the protocol of sd_notify(3), which that page describes
// for programs to speak by themselves. No supervisor, no word.
#pragma once

#include <string_view>

namespace lb::app {

// `state`: lines such as "READY=1" or "STATUS=...". Any thread; waits for a second at most; a supervisor that does not
// listen is no error.
void notify_supervisor(std::string_view state) noexcept;

// RELOADING=1 with the time that systemd wants beside it.
void notify_reloading() noexcept;

}  // namespace lb::app
