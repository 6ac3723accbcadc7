// What a process leaves to its successor, and takes over from its predecessor, beside the sockets.
#pragma once

#include <string>
#include <string_view>

#include "app/backends.hpp"
#include "app/configuration.hpp"

namespace lb::app {

// What was ordered and learned of the backends, as a text. Control thread.
[[nodiscard]] std::string what_is_left(const Configuration& configuration, const Backends& backends);

// Of the backends that this process has as well. Before it serves; control thread.
[[nodiscard]] net::Awaitable<void> inherit(Configuration& configuration, Backends& backends, std::string text);

}  // namespace lb::app
