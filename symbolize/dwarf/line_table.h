// The line number program of one unit, by address.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "symbolize/dwarf/code_ranges.h"
#include "symbolize/dwarf/line_header.h"

namespace stoker::symbolize::dwarf {

struct LineRow {
  std::uint64_t address = 0;
  std::uint32_t file = 1;
  std::uint32_t line = 1;
};

// The program is run once to find its sequences; of its rows only every kStride-th is kept, and the few up to an
// address are run again when it is asked for. (All rows of a 60 MB C++ file would take 50 MB.)
class LineTable {
 public:
  LineTable() = default;
  // unit must have a DW_AT_stmt_list. A program that cannot be read any further keeps its whole sequences.
  LineTable(const Unit& unit, const CodeRanges& code);

  // The last row at or before the address, in the sequence that holds it.
  std::optional<LineRow> find(const Unit& unit, std::uint64_t address) const;
  std::string path(const Unit& unit, std::uint64_t file) const { return header_.path(unit, file); }

  struct Sequence {
    std::uint64_t low = 0;
    std::uint64_t high = 0;  // one past the last byte
    std::uint32_t first_mark = 0;
    std::uint32_t marks = 0;
  };
  const std::vector<Sequence>& sequences() const { return sequences_; }
  std::uint64_t memory_bytes() const;

 private:
  static constexpr unsigned kStride = 64;

  // A row, and where the program goes on behind it.
  struct Mark {
    std::uint64_t address = 0;
    std::uint32_t program = 0;  // from the program's start
    std::uint32_t file = 0;
    std::uint32_t line = 0;
  };

  void run(const Unit& unit, const CodeRanges& code);

  LineHeader header_;
  std::vector<Sequence> sequences_;     // by low; apart unless the linker folded code
  std::vector<std::uint64_t> highest_;  // of high, up to and with each sequence
  std::vector<Mark> marks_;
};

}  // namespace stoker::symbolize::dwarf
