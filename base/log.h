// Messages for people, on stderr. Format strings are fmt's; any thread may log.
#pragma once

#include <fmt/format.h>

#include <string_view>
#include <utility>

namespace stoker::log {

enum class Level { kDebug, kInfo, kWarning, kError };

// `run` logs lines with time and level; `record` and the other desk commands print bare lines.
enum class Style { kPlain, kDaemon };

void configure(Style style, Level least);
void write(Level level, std::string_view message);
bool enabled(Level level);

template <typename... Args>
void debug(fmt::format_string<Args...> format, Args&&... args) {
  if (enabled(Level::kDebug)) {
    write(Level::kDebug, fmt::format(format, std::forward<Args>(args)...));
  }
}
template <typename... Args>
void info(fmt::format_string<Args...> format, Args&&... args) {
  write(Level::kInfo, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void warning(fmt::format_string<Args...> format, Args&&... args) {
  write(Level::kWarning, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void error(fmt::format_string<Args...> format, Args&&... args) {
  write(Level::kError, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace stoker::log
