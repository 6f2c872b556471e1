// Profiles as pprof (profile/proto/profile.proto; the rules a Pyroscope server adds are met as well).
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "base/error.h"
#include "profile/profile.h"

namespace stoker::profile {

struct PprofOptions {
  bool gzip = true;
  // zlib's, 1 (fast) to 9. Go's own profiles are written with 1 as well.
  int level = 1;
};

// Writes in pieces: beside the result itself it needs 64 KiB and the string index. Every string is valid
// UTF-8; has_* flags are set from what the locations hold, with a second mapping entry where a binary has
// locations with and without names. Errors: no sample types, no memory for zlib.
Result<std::string> write_pprof(const Profile& profile, const PprofOptions& options = {});

// The size of write_pprof's result without gzip, never too small: it counts each varint of the tables at its
// longest.
std::size_t pprof_size_bound(const Profile& profile);

// profile in parts that each have at most max_uncompressed_bytes (by pprof_size_bound) and max_samples,
// samples in their order, facts repeated. A sample that is too large by itself gets a part of its own. 0
// samples give one part.
std::vector<Profile> split(const Profile& profile, std::size_t max_uncompressed_bytes,
                           std::size_t max_samples);

}  // namespace stoker::profile
