// Profiles from files that a person names.
#pragma once

#include <string>

#include "base/error.h"
#include "profile/profile.h"

namespace stoker::agent {

// Gzipped or plain pprof.
Result<profile::Profile> read_profile(const std::string& path);

}  // namespace stoker::agent
