// Profiles from pprof files, whoever wrote them.
#pragma once

#include <cstddef>
#include <string>

#include "base/bytes.h"
#include "base/error.h"
#include "profile/profile.h"

namespace stoker::profile {

// The file is the author's word: what it makes us hold is bounded by these, not by what it announces.
struct PprofLimits {
  std::size_t unpacked = 128 << 20;  // bytes after gunzip
  std::size_t record = 4 << 20;      // bytes of one sample, location, function or mapping
  std::size_t text =
      256 << 20;  // bytes of all names together; a name that many functions share counts each time
};

// Gzipped or not. name begins the error message. Errors: not protobuf, cut short, past a limit, a string
// index or an id that is not in the file, an id 0 or one used twice, a sample with another number of values
// than there are sample types, no sample types. Frame kinds are not in the format: they come from mapping
// paths ("[kernel…", "[python]") and names ("[cut: …").
Result<Profile> read_pprof(ByteView bytes, const std::string& name, const PprofLimits& limits = {});

}  // namespace stoker::profile
