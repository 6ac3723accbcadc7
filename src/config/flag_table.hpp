// Every flag, in the order in which -help shows them.
#pragma once

#include <span>
#include <string_view>

#include "config/flags.hpp"

namespace lb::config {

struct FlagSpec {
  std::string_view name{};
  // What -help shows for the value; empty for a switch.
  std::string_view value_name{};
  // The key that the flag overrides; empty for one with a meaning of its own.
  std::string_view key{};
  // The switch to set; null for a flag with a value.
  bool CommandLine::* target = nullptr;
  std::string_view help{};
};

std::span<const FlagSpec> all_flags();

}  // namespace lb::config
