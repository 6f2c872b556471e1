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

// A word that the command line or the configuration has checked before: debug, info, warning, error. Another one is the
// caller's bug.
log::Level log_level(const std::string& word);

// What --demangle, --strip-suffixes and --debuginfod say, and the keys below `symbols` in the configuration.
struct SymbolSwitches {
  std::string demangle = "full";  // none, simplified, templates or full: checked before
  bool strip_suffixes = false;
  bool debuginfod = false;  // ask the servers in DEBUGINFOD_URLS
};
symbolize::Options symbol_options(const SymbolSwitches& switches);

// "9.97 s", "350 ms".
std::string format_duration(Nanoseconds duration);

}  // namespace stoker::agent
