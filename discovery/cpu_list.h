// The kernel's lists of CPUs: "0-3,8,10-11".
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace stoker::discovery {

// An error for text that is no such list, or that names a CPU past 65535.
Result<std::vector<int>> parse_cpu_list(std::string_view text);

// From /sys/devices/system/cpu/online.
Result<std::vector<int>> online_cpus(const std::string& sys_root = "/sys");

}  // namespace stoker::discovery
