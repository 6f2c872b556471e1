// Profiles for speedscope (https://www.speedscope.app/file-format-schema.json).
#pragma once

#include <string>

#include "profile/profile.h"

namespace stoker::profile {

// A "sampled" profile for each process that labels name (process.h), largest first, else one; each for every
// sample type, the default type's first. Negative values, which the format cannot hold, are left out.
std::string write_speedscope(const Profile& profile, const std::string& title);

}  // namespace stoker::profile
