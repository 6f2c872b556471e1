#include "agent/read_profile.h"

#include "base/mapped_file.h"
#include "profile/pprof_reader.h"

namespace stoker::agent {

Result<profile::Profile> read_profile(const std::string& path) {
  const auto file = MappedFile::open(path);
  if (!file) {
    return std::unexpected(file.error());
  }
  return profile::read_pprof(file->bytes(), path);
}

}  // namespace stoker::agent
