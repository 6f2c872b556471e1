// Go's own table of functions, lines and inlined calls, which every Go binary carries, stripped or not.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "base/byte_reader.h"
#include "elf/elf_file.h"

namespace stoker::symbolize {

// Formats: Go's src/runtime/symtab.go (pcHeader, moduledata), runtime2.go (_func), symtabinl.go (inlinedCall)
// and internal/abi/symtab.go, of the releases that brought each layout: 1.2, 1.16, 1.18, 1.20; and 1.26, which
// keeps the text's start in moduledata only. Everything is read from the mapped file when asked for.
class GoPclntab {
 public:
  struct Frame {
    std::string_view function;  // "net/http.(*conn).serve", generic arguments as "[...]"
    std::string_view file;
    std::int64_t line = 0;
    std::int64_t start_line = 0;  // 0 before Go 1.20
    bool operator==(const Frame&) const = default;
  };

  // Looks in .gopclntab, .data.rel.ro.gopclntab, and, in files with a Go build note or without section
  // headers, in all that is loaded. nullopt when the file is no Go program.
  static std::optional<GoPclntab> open(const std::shared_ptr<const elf::ElfFile>& file);

  // Frames innermost first into out (cleared first). False, and none, between functions and outside Go code.
  bool find(elf::ElfAddress address, std::vector<Frame>& out) const;

 private:
  enum class Layout { kGo12, kGo116, kGo118, kGo120 };
  struct Function;

  GoPclntab() = default;
  bool read_header(const std::shared_ptr<const elf::ElfFile>& file, ByteView bytes, std::uint64_t address);
  bool read_header_12(ByteReader& reader);
  void read_module_data(const std::shared_ptr<const elf::ElfFile>& file, std::uint64_t address);

  std::uint64_t entry_pc(std::uint64_t index) const;
  std::optional<Function> function_at(std::uint64_t pc) const;
  std::optional<std::int32_t> value_at(std::uint32_t table, const Function& function, std::uint64_t pc,
                                       std::size_t& steps) const;
  std::string_view name(std::uint32_t offset) const;
  std::string_view file_name(const Function& function, std::int32_t index) const;
  ByteView inline_tree(const Function& function) const;

  std::shared_ptr<const elf::ElfFile> file_;
  Layout layout_ = Layout::kGo120;
  std::uint8_t quantum_ = 1;  // smallest instruction's size: pc deltas are multiples
  std::uint64_t count_ = 0;   // functions
  std::uint64_t text_start_ = 0;
  // Parts of the table (in layout 1.2 offsets count from its start, so all but functab_ are the whole).
  ByteView names_;
  ByteView units_;
  ByteView files_;
  ByteView values_;
  ByteView functions_;
  ByteView functab_;
  ByteView go_func_;  // funcdata from 1.18 on: moduledata.gofunc to its segment's end
};

}  // namespace stoker::symbolize
