// jit-PID.dump: what perf-aware JIT compilers write about their code (Linux
// tools/perf/Documentation/jitdump-specification.txt).
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "base/bytes.h"
#include "base/error.h"
#include "symbolize/code_names.h"
#include "symbolize/target_file.h"

namespace stoker::symbolize {

// Reads one dump as it grows: JIT_CODE_LOAD names code, JIT_CODE_MOVE carries a name along; code bytes, line
// tables and unwinding information are skipped. One thread's.
class JitDump {
 public:
  static constexpr std::uint64_t kLargest = 1 << 30;

  // path: as in the process's maps (the compiler maps the file executable to make itself known). most_bytes: of names.
  JitDump(std::string path, uid_t owner, std::size_t most_bytes = CodeNames::kMostBytes);

  // As PerfMap::refresh.
  Result<> refresh(const TargetRoot& root);

  // The header's size, 0 when the bytes are no jitdump header of our byte order.
  static std::size_t parse_header(ByteView bytes);
  // Takes whole records; returns the bytes consumed. A record whose size cannot be ends the dump: bad is then
  // set, nothing after it is read.
  static std::size_t parse_records(ByteView bytes, CodeNames& names, bool& bad);

  const CodeNames& names() const { return names_; }

 private:
  std::string path_;
  uid_t owner_;
  FileState state_;
  std::uint64_t read_ = 0;
  bool bad_ = false;
  CodeNames names_;
};

}  // namespace stoker::symbolize
