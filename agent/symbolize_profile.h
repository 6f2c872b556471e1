// `agent symbolize PROFILE -o OUT`: finishes a profile that was taken without symbols.
#pragma once

#include <string>

#include "symbolize/symbolizer.h"

namespace stoker::agent {

struct SymbolizeProfileOptions {
  std::string profile;
  std::string output;  // format by its ending; may be the profile itself
  symbolize::Options symbols;
};

// Names each file that could not be used once in the log. Returns an exit code (exit_code.h); nothing is written unless
// it is kSuccess.
int symbolize_profile(const SymbolizeProfileOptions& options);

}  // namespace stoker::agent
