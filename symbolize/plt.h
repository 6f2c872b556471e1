// Names for the stubs that calls into other files go through: "malloc@plt".
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "elf/elf_file.h"
#include "symbolize/symbol_index.h"
#include "symbolize/symbol_table.h"

namespace stoker::symbolize {

// Works from the stubs' own instructions (psABI x86-64 "Procedure Linkage Table", AArch64 ELF "PLT
// sequences"): the GOT slot a stub jumps through is the slot that a relocation fills with a symbol. So it
// holds for .plt, .plt.sec (IBT) and .plt.got alike, whatever the order of entries. Immutable once built.
class PltNames {
 public:
  explicit PltNames(std::shared_ptr<const elf::ElfFile> file);

  struct Found {
    std::string name;  // "malloc@plt"
    elf::ElfAddress start;
  };
  // nullopt outside the stubs, for the header entry, and for a stub whose slot no relocation fills.
  // index names the targets of IRELATIVE slots.
  std::optional<Found> find(elf::ElfAddress address, const SymbolIndex& index) const;

  std::size_t memory_bytes() const { return slots_.capacity() * sizeof(Slot); }

 private:
  struct Slot {
    std::uint64_t address;  // of the GOT entry
    std::uint64_t target;   // symbol's index in .dynsym, or for IRELATIVE the resolver's address
    bool is_address;
  };
  struct Stubs {
    std::uint64_t start;
    std::uint64_t end;
    std::uint64_t entry_size;
    std::uint64_t header_size;
    ByteView code;
  };

  void read_relocations();
  std::optional<std::uint64_t> slot_of(const Stubs& stubs, std::uint64_t entry) const;
  std::optional<std::uint64_t> slot_of_x86(ByteView code, std::uint64_t address) const;

  std::shared_ptr<const elf::ElfFile> file_;
  SymbolTable symbols_;
  std::vector<Stubs> stubs_;
  std::vector<Slot> slots_;                // sorted by address
  std::vector<std::uint64_t> lazy_slots_;  // slots of .rela.plt, in its order
};

}  // namespace stoker::symbolize
