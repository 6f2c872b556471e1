// Values that several commands take, and how they are written.
#pragma once

#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "symbolize/symbolizer.h"

namespace stoker::agent {

// "10s", "1.5m", "500ms", "2h"; a bare number is seconds. Positive, at most 24 hours.
Result<Nanoseconds> parse_duration(std::string_view text);

// Samples a second on each CPU: 1 up to kernel.perf_event_max_sample_rate.
Result<int> parse_frequency(std::string_view text);

// The words that the command line and the configuration have checked before: debug, info, warning, error; none,
// simplified, templates, full. Another word is the caller's bug.
log::Level log_level(const std::string& word);
symbolize::Demangle demangle_level(const std::string& word);

// "9.97 s", "350 ms".
std::string format_duration(Nanoseconds duration);

}  // namespace stoker::agent
