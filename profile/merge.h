// Arithmetic on whole profiles.
#pragma once

#include <functional>

#include "base/error.h"
#include "profile/profile.h"

namespace stoker::profile {

// Adds from's samples to into's. An empty `into` (no sample types) takes all of from's facts. The window
// grows to hold both; comments are joined without repeats; a period stays only where both agree. Different
// sample types are an error and leave into as it was.
Result<> merge(Profile& into, const Profile& from);

// The samples that keep says yes to, with what they need.
Profile filter(const Profile& profile, const std::function<bool(const Sample&)>& keep);

// after − before, sample by sample, stacks compared by what they hold; what came out as zero in every value
// is left out. Time and duration are after's. Different sample types are an error.
Result<Profile> diff(const Profile& before, const Profile& after);

}  // namespace stoker::profile
