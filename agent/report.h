// `agent report` and `agent diff`: profiles that were written before.
#pragma once

#include <cstddef>
#include <string>

namespace stoker::agent {

struct ReportOptions {
  std::string file;
  std::size_t rows = 40;  // 0: all
  bool by_cum = false;
};
// The table of functions on stdout.
int report(const ReportOptions& options);

struct DiffOptions {
  std::string before;
  std::string after;
  std::string output;  // "": a table on stdout
  std::size_t rows = 40;
};
// AFTER minus BEFORE.
int diff(const DiffOptions& options);

}  // namespace stoker::agent
