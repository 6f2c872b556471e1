// What a profile says about itself, for headers of pages and drawings.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "profile/profile.h"

namespace stoker::profile {

// Name and value, ready to show: total of the default type ("CPU time"), samples, duration, rate, start. What the
// profile does not say is left out.
std::vector<std::pair<std::string, std::string>> profile_facts(const Profile& profile);

}  // namespace stoker::profile
