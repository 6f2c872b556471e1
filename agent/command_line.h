// The agent's commands and options.
#pragma once

namespace stoker::agent {

// Parses the command line, runs the command, and returns its exit code (exit_code.h).
int run_command_line(int argc, char** argv);

}  // namespace stoker::agent
