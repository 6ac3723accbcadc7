// GET /status: the server and its backends at one moment, as JSON.
#pragma once

#include <memory>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include "admin/control.hpp"
#include "admin/message.hpp"

namespace lb::admin {

// The names are a contract with users: openapi.json describes them. Latencies are in milliseconds, null where nothing
// was counted yet.
[[nodiscard]] boost::json::object status_json(const Snapshot& snapshot);
[[nodiscard]] boost::json::object backend_json(const BackendSnapshot& backend);
// Without "backends".
[[nodiscard]] boost::json::object server_json(const Snapshot& snapshot);

// The object, with "backends" of the snapshot as its last member, as text.
[[nodiscard]] std::unique_ptr<Pieces> backends_pieces(const boost::json::object& object,
                                                      std::shared_ptr<const Snapshot> snapshot);

// {"p50", "p99"}.
[[nodiscard]] boost::json::object latency_json(const telemetry::Distribution& latency);

}  // namespace lb::admin
