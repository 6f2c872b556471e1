// Values that several commands take, and how they are written.
#pragma once

#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/error.h"

namespace stoker::agent {

// "10s", "1.5m", "500ms", "2h"; a bare number is seconds. Positive, at most 24 hours.
Result<Nanoseconds> parse_duration(std::string_view text);

// Samples a second on each CPU: 1 up to kernel.perf_event_max_sample_rate.
Result<int> parse_frequency(std::string_view text);

// "9.97 s", "350 ms".
std::string format_duration(Nanoseconds duration);

}  // namespace stoker::agent
