// Small files that a target process writes and tells nobody about: perf maps and jitdumps.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "base/error.h"
#include "base/unique_fd.h"

namespace stoker::symbolize {

struct FileState {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::uint64_t size = 0;
};

// Opens path inside root ("/proc/12/root"), whose symbolic links cannot lead out of it; the last part may be
// no link at all. Refused: anything but a regular file, one that belongs neither to owner (the process's user)
// nor to root, and one larger than limit bytes: another user could otherwise name our frames, or fill our
// memory.
Result<UniqueFd> open_target_file(const std::string& root, const std::string& path, uid_t owner,
                                  std::uint64_t limit, FileState& state);

// Appends [from, from + most) of the file, or what there is of it, to out.
Result<> read_at(const UniqueFd& fd, std::uint64_t from, std::uint64_t most, std::string& out);

}  // namespace stoker::symbolize
