// /tmp/perf-PID.map: what JIT compilers write about their code ("START SIZE NAME" in hexadecimal, a line an
// entry; Linux tools/perf/Documentation/jit-interface.txt).
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"
#include "symbolize/code_names.h"
#include "symbolize/target_file.h"

namespace stoker::symbolize {

// Reads one map as it grows. One thread's.
class PerfMap {
 public:
  static constexpr std::uint64_t kLargest = 256 << 20;

  // path inside the process's root; owner: the process's user. most_bytes: of names.
  PerfMap(std::string path, uid_t owner, std::size_t most_bytes = CodeNames::kMostBytes);

  // Reads what was appended since the last call; all of it when the file was replaced or cut. An error when
  // there is no such file, or it is refused (target_file.h).
  Result<> refresh(const TargetRoot& root);

  // Takes text of the file, whole lines only; what follows the last newline is not consumed. Lines that are no
  // entries are skipped. Returns the bytes consumed.
  static std::size_t parse(std::string_view text, CodeNames& names);

  const CodeNames& names() const { return names_; }

 private:
  std::string path_;
  uid_t owner_;
  FileState state_;
  std::uint64_t read_ = 0;
  CodeNames names_;
};

}  // namespace stoker::symbolize
