// What this binary is; STOKER_VERSION comes from CMake's project().
#pragma once

#include <string_view>

namespace stoker::agent {

inline constexpr std::string_view kVersion = STOKER_VERSION;

}  // namespace stoker::agent
