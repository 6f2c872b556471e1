// `agent symbolize`: names for addresses of one file, by the same code that names samples.
#pragma once

#include <string>
#include <vector>

#include "symbolize/symbolizer.h"

namespace stoker::agent {

struct SymbolizeOptions {
  std::string file;
  std::vector<std::string> addresses;  // hex ELF addresses; none: one a line from standard input
  bool json = false;
  symbolize::Options symbols;
};

// One answer a line on stdout. Returns an exit code (exit_code.h).
int symbolize_file(const SymbolizeOptions& options);

}  // namespace stoker::agent
