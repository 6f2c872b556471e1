// Every configuration key, once: the parser, docs/configuration.md and the JSON schema come from this table.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "config/config.h"
#include "config/value.h"

namespace stoker::config {

struct Key {
  std::string_view path;  // "sampling.rate"
  Kind kind;
  std::string_view initial;  // the default, as it would stand in the file
  // Of integers, sizes in bytes, and durations in nanoseconds; both 0 for no limits. As text for messages:
  // limits_text.
  std::int64_t least;
  std::int64_t most;
  std::string_view limits_text;               // "1 to 10000"
  std::span<const std::string_view> choices;  // of kChoice
  void (*store)(Config& config, Value value);
  std::string_view sentence;
};

// In the order of the documentation; keys of a section stand together.
std::span<const Key> keys();

}  // namespace stoker::config
