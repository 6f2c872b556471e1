// The header of a line number program: how to run it, and its directories and files (DWARF 5 §6.2.4; versions 2–4
// differ in the tables' form).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "symbolize/dwarf/unit.h"

namespace stoker::symbolize::dwarf {

class LineHeader {
 public:
  LineHeader() = default;
  // unit: the one whose DW_AT_stmt_list is offset; its strings are the header's. nullopt when it cannot be read.
  static std::optional<LineHeader> read(const Unit& unit, std::uint64_t offset);

  // Where the program lies in .debug_line.
  std::uint64_t program() const { return program_; }
  std::uint64_t program_end() const { return end_; }

  std::uint8_t min_instruction_length() const { return min_instruction_length_; }
  std::uint8_t max_operations() const { return max_operations_; }
  std::int8_t line_base() const { return line_base_; }
  std::uint8_t line_range() const { return line_range_; }
  std::uint8_t opcode_base() const { return opcode_base_; }
  // Operands of a standard opcode that this reader does not know.
  std::uint8_t operand_count(std::uint8_t opcode) const { return operand_counts_[opcode - 1u]; }

  // The path of a file; "" for a number that is not in the table. See dwarf.h for how it is joined.
  std::string path(const Unit& unit, std::uint64_t file) const;

  std::uint64_t memory_bytes() const {
    return sizeof(*this) + (directories_.capacity() + files_.capacity() + content_.capacity()) * 4 +
           operand_counts_.capacity();
  }

 private:
  // What describes an entry of version 5's tables: pairs of content type and form.
  struct Content {
    std::uint16_t type;
    FormCode form;
  };
  struct FileEntry {
    std::string_view name;
    std::uint64_t directory = 0;
  };

  bool read_tables(ByteReader& reader);
  bool read_old_tables(ByteReader& reader);
  bool read_table(ByteReader& reader, std::vector<Content>& content,
                  std::vector<std::uint32_t>& entries) const;
  FileEntry entry(const Unit& unit, const std::vector<Content>& content, std::uint32_t position) const;

  Layout layout_;
  std::uint8_t min_instruction_length_ = 1;
  std::uint8_t max_operations_ = 1;
  std::int8_t line_base_ = 0;
  std::uint8_t line_range_ = 0;
  std::uint8_t opcode_base_ = 1;
  std::uint64_t start_ = 0;
  std::uint64_t program_ = 0;
  std::uint64_t end_ = 0;
  std::vector<std::uint8_t> operand_counts_;
  // Where each entry lies, from start_: paths are put together for the few files that are asked for.
  std::vector<std::uint32_t> directories_;
  std::vector<std::uint32_t> files_;
  std::vector<Content> content_;  // of files
  std::vector<Content> directory_content_;
};

}  // namespace stoker::symbolize::dwarf
