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

// A process's root directory, open: it stays what it was when the process ends.
class TargetRoot {
 public:
  // path: "/proc/12/root"; also what messages call it.
  static Result<TargetRoot> open(const std::string& path);

  const UniqueFd& directory() const { return directory_; }
  const std::string& path() const { return path_; }

 private:
  TargetRoot(std::string path, UniqueFd directory)
      : path_(std::move(path)), directory_(std::move(directory)) {}

  std::string path_;
  UniqueFd directory_;
};

// Opens path inside root, whose symbolic links cannot lead out of it; the last part may be
// no link at all. Refused: anything but a regular file, one that belongs neither to owner (the process's user)
// nor to root, and one larger than limit bytes: another user could otherwise name our frames, or fill our
// memory.
Result<UniqueFd> open_target_file(const TargetRoot& root, const std::string& path, uid_t owner,
                                  std::uint64_t limit, FileState& state);

// Appends [from, from + most) of the file, or what there is of it, to out.
Result<> read_at(const UniqueFd& fd, std::uint64_t from, std::uint64_t most, std::string& out);

}  // namespace stoker::symbolize
