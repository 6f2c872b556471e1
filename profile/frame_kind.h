// What kind of frame a location is, for formats that do not say.
#pragma once

#include <cstdint>
#include <string_view>

#include "profile/profile.h"

namespace stoker::profile {

// mapping_path: "" without a mapping. name: the innermost function's, "" without one.
FrameKind infer_kind(std::string_view mapping_path, std::uint64_t address, std::string_view name);

}  // namespace stoker::profile
