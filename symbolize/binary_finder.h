// Files that a profile names by path and build id, found on this host.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "elf/binary.h"
#include "symbolize/debuginfod.h"

namespace stoker::symbolize {

// Opens each file once. One thread's.
class BinaryFinder {
 public:
  // debug_directories: where debug files lie by build id. debuginfod: asked last; null when it is off.
  explicit BinaryFinder(std::vector<std::string> debug_directories, Debuginfod* debuginfod = nullptr);

  // The file under path; where that is another (its build id is not build_id) or none, the debug file of that build id,
  // which then stands for both. build_id: "" takes whatever lies under path. An error says why there is none.
  Result<elf::BinaryPtr> find(const std::string& path, std::string_view build_id);

 private:
  Result<elf::BinaryPtr> open(const std::string& path, const std::string& build_id);

  std::vector<std::string> debug_directories_;
  Debuginfod* debuginfod_;
  std::uint32_t next_id_ = 1;
  std::map<std::pair<std::string, std::string>, Result<elf::BinaryPtr>> known_;
};

}  // namespace stoker::symbolize
