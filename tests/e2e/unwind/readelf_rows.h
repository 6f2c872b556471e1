// What binutils says a file's unwind rows are: `readelf --debug-dump=frames-interp`.
#pragma once

#include <cstdint>
#include <cstdio>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace stoker::unwind::test {

struct TruthRow {
  std::uint64_t location = 0;
  std::string cfa;                            // "rsp+8", "exp"
  std::map<unsigned, std::string> registers;  // DWARF number → "u", "c-16", "v+0", "exp", "vexp", "s", "r9"
};

struct TruthFde {
  bool eh_frame = true;      // else .debug_frame
  std::uint64_t offset = 0;  // in the section
  std::uint64_t start = 0;
  std::uint64_t end = 0;
  std::vector<TruthRow> rows;  // empty when its program has nothing but nops
};

// Reads readelf's output FDE by FDE, because all of it would be gigabytes.
class ReadelfRows {
 public:
  explicit ReadelfRows(const std::string& file);
  std::optional<TruthFde> next();

 private:
  bool read_line();
  void read_header();
  void read_row(TruthFde& fde) const;

  struct Close {
    void operator()(std::FILE* pipe) const { pclose(pipe); }
  };
  std::unique_ptr<std::FILE, Close> pipe_;
  std::string line_;
  bool held_ = false;  // line_ is not used up
  bool eh_frame_ = true;
  std::vector<int> columns_;  // DWARF numbers behind LOC and CFA; -1 for one we do not know
};

// "rbp" → 6, "x29" → 29, "r17 (xmm0)" forms → their number; -1 unknown.
int dwarf_number(const std::string& name);

}  // namespace stoker::unwind::test
