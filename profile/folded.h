// Folded stacks, a line each: "outermost;…;innermost 42". What flamegraph.pl and most viewers read.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "profile/profile.h"

namespace stoker::profile {

struct FoldedOptions {
  std::optional<std::size_t> value_index;  // default: Profile::default_value_index()
  bool by_process = true;                  // the process, where a sample names one, is the outermost frame
};

// One line per distinct stack of names, sorted; stacks whose value is 0 are left out. In names, ';' becomes
// ':' and control characters become '?', as the format has no escapes.
std::string write_folded(const Profile& profile, const FoldedOptions& options = {});

// Sample type: samples/count. A name's suffix "_[k]" means a kernel frame (as perf's folders write it). A
// line without a number at its end is an error.
Result<Profile> read_folded(std::string_view text, const std::string& name);

}  // namespace stoker::profile
