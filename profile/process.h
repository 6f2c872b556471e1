// Which process a sample is of, for outputs that group by process.
#pragma once

#include <string>

#include "profile/profile.h"

namespace stoker::profile {

// From the labels "process" (or "comm") and "pid", each text or number: "nginx (1234)", "nginx", "pid 1234";
// "" without them. with_pid: false joins processes of one name.
std::string process_name(const Profile& profile, LabelSetId labels, bool with_pid = true);

}  // namespace stoker::profile
