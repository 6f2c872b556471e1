#include "profile/format_value.h"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <ctime>
#include <span>

namespace stoker::profile {
namespace {

struct Scale {
  double factor;
  std::string_view name;
};
constexpr std::array<Scale, 6> kTimes = {
    {{3600e9, "hrs"}, {60e9, "mins"}, {1e9, "s"}, {1e6, "ms"}, {1e3, "us"}, {1, "ns"}}};
constexpr std::array<Scale, 5> kSizes = {{{1024.0 * 1024 * 1024 * 1024, "TB"},
                                          {1024.0 * 1024 * 1024, "GB"},
                                          {1024.0 * 1024, "MB"},
                                          {1024, "kB"},
                                          {1, "B"}}};

std::string scaled(double value, std::span<const Scale> scales) {
  if (value == 0) {
    return "0";
  }
  const Scale* chosen = &scales.back();
  for (const Scale& scale : scales) {
    if (std::abs(value) >= scale.factor) {
      chosen = &scale;
      break;
    }
  }
  std::string text = fmt::format("{:.2f}", value / chosen->factor);
  if (text.ends_with(".00")) {
    text.resize(text.size() - 3);
  }
  return text.append(chosen->name);
}

}  // namespace

std::string format_value(std::int64_t value, std::string_view unit) {
  const auto number = static_cast<double>(value);
  if (unit == "nanoseconds") {
    return scaled(number, kTimes);
  }
  if (unit == "microseconds") {
    return scaled(number * 1e3, kTimes);
  }
  if (unit == "milliseconds") {
    return scaled(number * 1e6, kTimes);
  }
  if (unit == "seconds") {
    return scaled(number * 1e9, kTimes);
  }
  if (unit == "bytes") {
    return scaled(number, kSizes);
  }
  return unit.empty() || unit == "count" ? fmt::format("{}", value) : fmt::format("{} {}", value, unit);
}

std::string format_time(WallTime time) {
  if (time.ns == 0) {
    return {};
  }
  const std::time_t seconds = time.ns / 1'000'000'000;
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  return fmt::format("{:04}-{:02}-{:02} {:02}:{:02}:{:02} UTC", parts.tm_year + 1900, parts.tm_mon + 1,
                     parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec);
}

std::string format_percent(std::int64_t value, std::int64_t total) {
  const double percent =
      total == 0 ? 0 : std::abs(100.0 * static_cast<double>(value) / static_cast<double>(total));
  if (percent >= 99.95 && percent <= 100.05) {
    return "  100%";
  }
  return percent >= 1 ? fmt::format("{:5.2f}%", percent) : fmt::format("{:5.2g}%", percent);
}

}  // namespace stoker::profile
