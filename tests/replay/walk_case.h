// A recorded moment of a thread: registers, the memory its walk reads, mappings and rows, and the stack that is true.
// One text file each; README.md describes the format.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "elf/elf_file.h"
#include "tests/replay/host_process.h"
#include "unwind/walker.h"

namespace stoker::replay {

// Rows of a file, those that the walk needs; what lies between them is UNWIND_NONE.
struct CaseTable {
  struct Row {
    std::uint64_t from = 0;
    std::uint64_t to = 0;
    unwind_row row{};
  };
  std::string name;
  std::uint64_t start = 0;  // of the segment, ELF addresses
  std::uint64_t end = 0;
  std::vector<Row> rows;  // by address, disjoint
};

struct CaseMapping {
  std::uint64_t start = 0;
  std::uint64_t end = 0;
  map_kind kind = MAP_NONE;
  std::string table;  // MAP_TABLE: its name
  std::uint64_t bias = 0;
};

struct CaseFrame {
  std::uint64_t pc = 0;  // as in a record (FRAME_EXACT)
  std::string name;      // for people
};

struct WalkCase {
  std::string about;
  elf::Machine machine = elf::Machine::kX86_64;
  unwind::Registers registers;
  std::vector<CaseTable> tables;
  std::vector<CaseMapping> mappings;                              // by address, disjoint
  std::vector<std::pair<std::uint64_t, std::uint64_t>> readable;  // by address, disjoint
  // Bytes that the walk needs; the others of readable memory hold a pattern that leads nowhere.
  std::map<std::uint64_t, std::byte> memory;
  std::vector<CaseFrame> frames;
  std::uint8_t end = 0;  // 0: at a root; else a STAT_cut_…

  Walked truth() const;
};

// Errors name the line. What parses keeps all promises of the structures above.
Result<WalkCase> parse_case(std::string_view text);
std::string format_case(const WalkCase& one);

// The process of a case; both must outlive the walks.
class CaseProcess : public HostProcess {
 public:
  explicit CaseProcess(const WalkCase& one);
  bool read(std::uint64_t address, std::span<std::byte> out) override;

 private:
  const WalkCase& case_;
  std::map<std::string, unwind::UnwindTable> tables_;
};

}  // namespace stoker::replay
