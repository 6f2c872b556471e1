// `agent record`: one question, answered at a desk.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "base/clock.h"
#include "symbolize/symbolizer.h"

namespace stoker::agent {

struct RecordOptions {
  // What is recorded: exactly one of these.
  std::vector<pid_t> pids;
  std::string comm;       // RE2, matched anywhere in the process's name
  std::string container;  // an id, or its first characters
  bool all = false;
  std::vector<std::string> command;  // started, and recorded with its descendants

  bool children = false;  // with pids: their descendants too
  Nanoseconds duration = std::chrono::seconds(10);
  int frequency = 97;
  bool kernel_stacks = true;
  symbolize::Options symbols;
  std::vector<std::string> outputs;  // none: profile.pb.gz
  std::size_t rows = 20;             // of the table on stdout; 0: no table
};

// Returns an exit code (exit_code.h). What went wrong is on stderr.
int record(const RecordOptions& options);

}  // namespace stoker::agent
