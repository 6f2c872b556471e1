// Go's frame sizes by pc, which every Go binary carries, stripped or not.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "elf/elf_file.h"
#include "unwind/table.h"

namespace stoker::unwind {

// Formats: Go's src/runtime/symtab.go (pcHeader, moduledata, pcvalue) and runtime2.go (_func) of Go 1.16, 1.18,
// 1.20 and 1.26. A frame is sp + frame size + 8 (x86-64) at every instruction, in leaves and prologues too,
// where frame pointers skip the caller.
class GoPcsp {
 public:
  struct Function {
    std::uint64_t start = 0;
    std::uint64_t end = 0;     // the next function's start
    std::uint32_t record = 0;  // of its _func, in the functions' part
  };

  // nullopt when the file is no Go program for x86-64 or its table is of a layout not known. file must outlive
  // the result.
  static std::optional<GoPcsp> open(const elf::ElfFile& file);

  // By address; those that lie in [start, end) whole.
  std::vector<Function> functions(std::uint64_t start, std::uint64_t end) const;

  // Appends the function's rows for [from, to), part of it.
  void append(const Function& function, std::uint64_t from, std::uint64_t to, RowAppender& out) const;

 private:
  bool read_header(ByteView bytes, std::uint64_t address);
  std::uint64_t find_text(std::uint64_t address) const;
  Function function_at(std::uint64_t index) const;
  std::string_view name(const Function& function) const;  // without ".abi0"
  std::string_view code_of(const Function& function) const;
  std::uint32_t m_curg() const;
  void append_sizes(const Function& function, std::uint64_t from, std::uint64_t to, RowAppender& out) const;
  bool saves_rbp(const Function& function) const;

  const elf::ElfFile* file_ = nullptr;
  bool relative_ = false;  // from 1.18: entries are 32-bit offsets from text_
  std::uint64_t text_ = 0;
  std::uint64_t count_ = 0;
  ByteView names_;
  ByteView values_;
  ByteView functions_;
};

}  // namespace stoker::unwind
