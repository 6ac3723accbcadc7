// What happened between two moments, for people who watch.
#pragma once

#include <boost/json/object.hpp>

#include "admin/control.hpp"

namespace lb::admin {

// Adds to the status document of `now` what has happened since `before` (null: nothing is known yet, and all is null):
// to "requests" per_second, errors_per_second, p50_ms and p99_ms, and to each of "backends" its "now". Errors of the
// whole are answers of class 5xx and those that broke off; of a backend its answers of class 5xx and failed attempts.
void add_rates(boost::json::object& status, const Snapshot* before, const Snapshot& now);

}  // namespace lb::admin
