// .sframe: the simple frame format of newer distributions.
#pragma once

#include <optional>
#include <vector>

#include "base/byte_reader.h"
#include "elf/elf_file.h"
#include "unwind/table.h"

namespace stoker::unwind {

// Versions 1 and 2, as "The SFrame format" of binutils 2.40 and 2.41 describes them. It knows the CFA, the
// return address and the frame pointer; other registers are lost.
class Sframe {
 public:
  struct Function {
    std::uint64_t start = 0;
    std::uint64_t end = 0;
    std::uint32_t first = 0;  // of its frame row entries, in their part
    std::uint32_t count = 0;
    std::uint8_t info = 0;
    std::uint8_t repeat = 0;  // size of the repeated block, for PLTs
  };

  // The bytes must outlive the result. nullopt for other versions, machines and byte orders.
  static std::optional<Sframe> parse(ByteView bytes, elf::ElfAddress address, elf::Machine machine);
  // The section of a file; nullopt when there is none.
  static std::optional<Sframe> open(const elf::ElfFile& file);

  // In order of address, disjoint; those that lie in [start, end) whole.
  std::vector<Function> functions(std::uint64_t start, std::uint64_t end) const;

  // Appends the function's rows for [from, to), part of it.
  void append(const Function& function, std::uint64_t from, std::uint64_t to, RowAppender& out) const;

 private:
  struct Entry {
    std::uint64_t offset = 0;  // in the function
    unwind_row row{};
  };
  Entry read_entry(ByteReader& reader, unsigned address_width) const;

  elf::ElfAddress address_;
  elf::Machine machine_ = elf::Machine::kX86_64;
  std::uint8_t version_ = 0;
  bool relative_to_field_ = false;
  std::int8_t fixed_return_address_ = 0;  // from the CFA; 0: each entry says
  std::uint64_t functions_at_ = 0;        // in the section
  std::uint64_t count_ = 0;
  ByteView bytes_;
  ByteView entries_;
};

}  // namespace stoker::unwind
