// An ELF file as it would lie in memory: bytes by ELF address, with its own relocations applied.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "elf/elf_file.h"

namespace stoker::symbolize {

// Works without section headers: segments and PT_DYNAMIC only. Immutable once made.
class ElfMemory {
 public:
  explicit ElfMemory(std::shared_ptr<const elf::ElfFile> file);

  // From address to the end of its segment's file bytes; empty where nothing is loaded from the file.
  ByteView from(std::uint64_t address) const;

  // The 8-byte pointer at address: what R_*_RELATIVE puts there, else what the file has.
  std::optional<std::uint64_t> pointer(std::uint64_t address) const;

  // Where an 8-byte aligned pointer has this value, lowest first, at most `most` of them. Reads all writable
  // segments.
  std::vector<std::uint64_t> find_pointers(std::uint64_t value, std::size_t most) const;

 private:
  template <typename Visit>
  void each_relative(Visit visit) const;

  std::shared_ptr<const elf::ElfFile> file_;
  ByteView relocations_;  // DT_RELA
};

}  // namespace stoker::symbolize
