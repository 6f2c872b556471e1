// Which function's symbol covers an address: all symbol tables of one file, sorted once.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "elf/elf_file.h"
#include "symbolize/symbol_table.h"

namespace stoker::symbolize {

// 8 bytes a distinct start: the address and where its symbol lies in the mapped file. Sizes and names are
// read from there when asked for. Immutable once built.
//
// What is right where tables and tools disagree:
// - Of several symbols with one start and size, the one a user of the file would know: exported in .dynsym
//   (default version first), then a function before a label, non-local, fewest leading underscores, shortest,
//   first in the alphabet. "@VERSION" is dropped.
// - Of nested symbols the innermost that covers; past its end, the enclosing one again.
// - A symbol of size 0 runs to the next symbol, the end of its section or of its frame description
//   (.eh_frame), whichever is first; inside a sized one it is a label and says nothing.
// - An address that no symbol covers has no symbol.
class SymbolIndex {
 public:
  struct Found {
    std::string_view name;  // valid as long as the index
    elf::ElfAddress start;
    std::uint64_t size = 0;  // bytes up to where the symbol's cover ends
    bool exported = false;   // in .dynsym
  };

  // main says where code is; tables are of main and of its debug files (at most 4, later ones are not read).
  // Code further than 4 GiB from main's first is not indexed.
  SymbolIndex(std::shared_ptr<const elf::ElfFile> main, std::vector<SymbolTable> tables);

  std::optional<Found> find(elf::ElfAddress address) const;

  std::size_t size() const { return entries_.size(); }
  std::size_t memory_bytes() const;

 private:
  struct Region {
    std::uint64_t start;
    std::uint64_t end;
  };
  struct Candidate;
  static bool better(const Candidate& a, const Candidate& b);

  const Region* region_of(std::uint64_t address) const;
  bool read(std::uint32_t reference, Candidate& candidate) const;
  void gather();
  void settle();
  std::uint64_t frame_end(std::uint64_t start) const;

  std::shared_ptr<const elf::ElfFile> main_;
  std::vector<SymbolTable> tables_;
  std::vector<Region> regions_;  // executable sections, or segments in a file without; sorted, apart
  std::uint64_t base_ = 0;
  std::vector<std::uint64_t> entries_;  // (address − base_) << 32 | table << 30 | symbol's index
};

}  // namespace stoker::symbolize
