// Names for a profile that was taken without them: what `agent symbolize PROFILE -o OUT` does.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "base/error.h"
#include "profile/profile.h"
#include "symbolize/binary_finder.h"
#include "symbolize/symbolizer.h"

namespace stoker::symbolize {

struct FinishedProfile {
  profile::Profile profile;
  std::size_t named = 0;       // locations that have names now and had none
  std::size_t unnamed = 0;     // locations that still have none
  std::vector<Error> missing;  // files that could not be used, each once
};

// Locations with names keep them, as do samples, labels and facts. A location without is looked up in the file of its
// mapping, where that has a path from the root; others (kernel, JIT code) mean nothing away from where they were
// sampled. What stays unknown keeps address, build id and mapping.
//
// Addresses are pprof's: file offset = address - mapping start + mapping's file offset, which is true of run-time
// addresses as well as of ELF addresses where the mapping is a segment. A mapping without start and limit has ELF
// addresses.
FinishedProfile finish_profile(const profile::Profile& from, BinaryFinder& files, Symbolizer& symbolizer);

}  // namespace stoker::symbolize
