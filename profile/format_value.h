// Numbers for people.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace stoker::profile {

// "12.35s", "340ms", "1.50MB", "97": at most two decimals in the largest unit that value reaches. unit: as in
// a ValueType; other units than times and bytes follow the number, "count" is left out.
std::string format_value(std::int64_t value, std::string_view unit);

// "2026-11-22 13:05:09 UTC"; "" for 0.
std::string format_time(WallTime time);

// As go tool pprof shows them: "12.50%", "0.012%", "  100%"; two significant digits below 1.
std::string format_percent(std::int64_t value, std::int64_t total);

}  // namespace stoker::profile
