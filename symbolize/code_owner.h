// Processes that run code which lies in no file.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "symbolize/target_file.h"

namespace stoker::symbolize {

// A process, and where the names that it writes for such code are. Gathered while it lives: it may have ended when the
// names are asked for. Whoever keeps this keeps the process's root directory open.
struct CodeOwner {
  pid_t pid = 0;
  std::uint64_t image = 0;                 // tells programs under one PID apart
  pid_t inner_pid = 0;                     // what the process itself calls its PID
  uid_t uid = 0;                           // its user: files of others are refused
  std::string dump;                        // the path of a jitdump that it has mapped; ""
  std::shared_ptr<const TargetRoot> root;  // null: it could not be looked at
};

// From /proc; nullopt when the process is gone.
std::optional<CodeOwner> find_code_owner(pid_t pid, std::uint64_t image, std::string dump);

// Whether a file that is mapped under this path is a jitdump: ".../jit-N.dump".
bool is_dump_path(std::string_view path);

}  // namespace stoker::symbolize
