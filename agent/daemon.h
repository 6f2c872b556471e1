// `agent run`: profiles the whole host for as long as it runs.
#pragma once

#include <string>

namespace stoker::agent {

struct DaemonOptions {
  std::string config_file;  // "": the defaults, with the page on 127.0.0.1:4141
};

// Returns an exit code (exit_code.h) after SIGINT or SIGTERM.
int run_daemon(const DaemonOptions& options);

// Parses and validates; says what is wrong, with line and column, or that nothing is.
int check_config(const std::string& file);

}  // namespace stoker::agent
