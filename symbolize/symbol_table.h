// One ELF symbol table as it lies in its file: symbols are decoded when asked for, names are never copied.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "elf/elf_file.h"

namespace stoker::symbolize {

// A symbol that names code (ELF gABI "Symbol Table").
struct Symbol {
  std::string_view name;    // with its "@VERSION", if the table writes one
  std::uint64_t start = 0;  // ELF address, in the main file's terms
  std::uint64_t size = 0;   // st_size; 0 where the author did not say
  std::uint8_t type = 0;    // STT_FUNC, STT_GNU_IFUNC or STT_NOTYPE
  bool local = false;
  bool hidden_version = false;  // .gnu.version bit 15: foo@V rather than foo@@V
};

// Which table, for the choice between aliases.
enum class TableKind : std::uint8_t { kSymtab, kDynsym };

// A view: keeps the file alive, so it may outlive whoever opened it. Any thread may read it.
class SymbolTable {
 public:
  // The table of that kind in file, empty when there is none. bias is added to each address: main file's
  // minus this file's first PT_LOAD address (they differ when one of them was relinked, as prelink does).
  static SymbolTable read(std::shared_ptr<const elf::ElfFile> file, TableKind kind, std::uint64_t bias = 0);

  std::uint32_t count() const { return count_; }
  TableKind kind() const { return kind_; }

  // The symbol when it can name code: FUNC, IFUNC, or NOTYPE in an executable section; named, defined, and no
  // mapping symbol (AAELF64 "$x", "$d"). False otherwise.
  bool code_symbol(std::uint32_t index, Symbol& symbol) const;

  // Any symbol's name (PLT relocations name undefined ones); "" when the table does not have it.
  std::string_view name(std::uint32_t index) const;

 private:
  std::string_view text_at(std::uint32_t offset) const;

  std::shared_ptr<const elf::ElfFile> file_;
  ByteView symbols_;
  ByteView names_;
  ByteView versions_;
  std::vector<bool> code_sections_;
  std::uint64_t bias_ = 0;
  std::uint32_t count_ = 0;
  TableKind kind_ = TableKind::kSymtab;
};

}  // namespace stoker::symbolize
