// How the agent ends.
#pragma once

namespace stoker::agent {

enum ExitCode : int {
  kSuccess = 0,
  kFailure = 1,  // everything that is no wrong call
  kUsage = 2,    // unknown option or command, bad value, unknown ending of a file name
};

}  // namespace stoker::agent
