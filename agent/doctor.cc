#include "agent/doctor.h"

#include <fmt/format.h>

#include <cstdio>

#include "agent/exit_code.h"
#include "agent/requirements.h"

namespace stoker::agent {

int doctor() {
  bool missing = false;
  bool limited = false;
  for (const Requirement& requirement : check_requirements()) {
    const char* const mark = requirement.standing == Standing::kGood      ? "ok     "
                             : requirement.standing == Standing::kLimited ? "limited"
                                                                          : "MISSING";
    std::fputs(fmt::format("{}  {:<22} {}\n", mark, requirement.name, requirement.found).c_str(), stdout);
    if (!requirement.advice.empty()) {
      std::fputs(fmt::format("         {:<22} -> {}\n", "", requirement.advice).c_str(), stdout);
    }
    missing |= requirement.standing == Standing::kMissing;
    limited |= requirement.standing == Standing::kLimited;
  }
  std::fputs(missing   ? "This host cannot be profiled until what is MISSING is there.\n"
             : limited ? "This host can be profiled, with the limits named above.\n"
                       : "This host can be profiled.\n",
             stdout);
  return missing ? kFailure : kSuccess;
}

}  // namespace stoker::agent
