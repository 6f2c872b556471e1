#include "agent/options.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <cstdlib>
#include <map>

#include "agent/sampling_events.h"

namespace stoker::agent {
namespace {

constexpr double kLongestSeconds = 24 * 3600;

double seconds_per(std::string_view unit) {
  if (unit.empty() || unit == "s") {
    return 1;
  }
  if (unit == "ms") {
    return 1e-3;
  }
  if (unit == "m" || unit == "min") {
    return 60;
  }
  return unit == "h" ? 3600 : 0;
}

}  // namespace

Result<Nanoseconds> parse_duration(std::string_view text) {
  double number = 0;
  const auto [rest, status] = std::from_chars(text.data(), text.data() + text.size(), number);
  const double unit = seconds_per({rest, static_cast<std::size_t>(text.data() + text.size() - rest)});
  const double seconds = number * unit;
  // "nan" and "inf" are numbers to from_chars.
  if (status != std::errc{} || unit == 0 || !std::isfinite(seconds) || seconds <= 0 ||
      seconds > kLongestSeconds) {
    return make_error(fmt::format("bad duration '{}'", text), "",
                      "give one such as 10s, 500ms or 2m, up to 24h");
  }
  const auto nanoseconds = Nanoseconds{static_cast<std::int64_t>(seconds * 1e9)};
  if (nanoseconds < std::chrono::milliseconds{1}) {
    return make_error(fmt::format("bad duration '{}'", text), "", "the shortest is 1ms");
  }
  return nanoseconds;
}

Result<int> parse_frequency(std::string_view text) {
  int frequency = 0;
  const int highest = max_sample_rate();
  const auto [rest, status] = std::from_chars(text.data(), text.data() + text.size(), frequency);
  if (status != std::errc{} || rest != text.data() + text.size() || frequency < 1 || frequency > highest) {
    return make_error(
        fmt::format("bad frequency '{}'", text), "",
        fmt::format("give 1 to {} samples a second (kernel.perf_event_max_sample_rate)", highest));
  }
  return frequency;
}

log::Level log_level(const std::string& word) {
  static const std::map<std::string, log::Level> levels{{"debug", log::Level::kDebug},
                                                        {"info", log::Level::kInfo},
                                                        {"warning", log::Level::kWarning},
                                                        {"error", log::Level::kError}};
  return levels.at(word);
}

symbolize::Options symbol_options(const SymbolSwitches& switches) {
  using symbolize::Demangle;
  static const std::map<std::string, Demangle> levels{{"none", Demangle::kNone},
                                                      {"simplified", Demangle::kSimplified},
                                                      {"templates", Demangle::kTemplates},
                                                      {"full", Demangle::kFull}};
  symbolize::Options options;
  options.demangle = levels.at(switches.demangle);
  options.suffixes = switches.strip_suffixes ? symbolize::Suffixes::kStrip : symbolize::Suffixes::kNote;
  if (switches.debuginfod) {
    const char* const urls = std::getenv("DEBUGINFOD_URLS");
    options.debuginfod.urls = urls == nullptr ? "" : urls;
    if (options.debuginfod.urls.empty()) {
      log::warning("debug files are not fetched: DEBUGINFOD_URLS names no server");
    }
  }
  return options;
}

std::string format_duration(Nanoseconds duration) {
  const double seconds = static_cast<double>(duration.count()) / 1e9;
  return seconds < 1 ? fmt::format("{:.0f} ms", seconds * 1e3) : fmt::format("{:.2f} s", seconds);
}

}  // namespace stoker::agent
