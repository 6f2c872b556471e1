// Opens files whose names come from other people's processes.
#pragma once

#include <string>
#include <string_view>

#include "base/unique_fd.h"

namespace stoker::discovery {

// path within directory, which is its "/" and which ".." does not leave. No symlink in path is followed: the
// kernel's own names of mapped files have none. The result is an O_PATH descriptor, which has no effect on the file, FIFO
// or device; reopen() makes it readable. Invalid, with errno set, on failure.
UniqueFd open_beneath(const std::string& directory, std::string_view path);

// A readable descriptor of what an O_PATH descriptor names, if that is a regular file.
UniqueFd reopen_regular(const UniqueFd& path_fd);

}  // namespace stoker::discovery
