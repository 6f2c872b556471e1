// A finished unwind table: rows and chunk entries as bpf/shared/unwind_table.h lays them out.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "bpf/shared/unwind_table.h"
#include "elf/address.h"

namespace stoker::unwind {

// The table of one executable segment. Immutable once made, so any thread may read it.
class UnwindTable {
 public:
  // A multiple of 64 KiB at or below the segment's first byte.
  elf::ElfAddress start() const { return start_; }
  elf::ElfAddress end() const { return end_; }
  unsigned chunk_shift() const { return chunk_shift_; }
  std::span<const unwind_row> rows() const { return rows_; }
  // As they are when the table's rows begin at row 0 of their array; at least one.
  std::span<const unwind_chunk> chunks() const { return chunks_; }
  std::size_t bytes() const {
    return rows_.size() * sizeof(unwind_row) + chunks_.size() * sizeof(unwind_chunk);
  }

  // Chunk entries for a table whose rows begin at first_row of their array. out has chunks().size() entries.
  void place(std::uint32_t first_row, std::span<unwind_chunk> out) const;

  // The row in force, found the way the BPF program finds it; nullopt outside [start, end).
  std::optional<unwind_row> find(elf::ElfAddress address) const;

  // The address from which each row holds, in full.
  std::vector<elf::ElfAddress> addresses() const;

 private:
  friend class RowAppender;
  elf::ElfAddress start_;
  elf::ElfAddress end_;
  unsigned chunk_shift_ = UNWIND_MAX_CHUNK_SHIFT;
  std::vector<unwind_row> rows_;
  std::vector<unwind_chunk> chunks_;
};

// Takes rows in rising order of address and makes the table. Neighbours with the same rule become one row.
class RowAppender {
 public:
  // The table will cover [start rounded down to 64 KiB, end); it begins with UNWIND_NONE. expected_rows is a
  // guess. end - start must be below 4 GiB.
  RowAppender(elf::ElfAddress start, elf::ElfAddress end, std::size_t expected_rows);

  // row.address is ignored. address is in [start, end) and not below the last one appended; at the same
  // address the later row replaces the earlier.
  void append(std::uint64_t address, unwind_row row) {
    row.address = 0;
    const auto rule = __builtin_bit_cast(std::uint64_t, row);
    if (rule == last_rule_) {
      return;
    }
    const std::uint64_t page = (address - table_.start_.value) >> 16;
    while (pages_.size() <= page) {
      pages_.push_back(static_cast<std::uint32_t>(table_.rows_.size()));
    }
    if (address == last_address_) [[unlikely]] {
      replace_last(row);
      return;
    }
    row.address = static_cast<u16>(address);
    table_.rows_.push_back(row);
    last_address_ = address;
    last_rule_ = rule;
  }

  std::size_t rows() const { return table_.rows_.size(); }
  UnwindTable finish() &&;

 private:
  void replace_last(unwind_row row);
  unsigned largest_shift() const;

  UnwindTable table_;
  std::vector<std::uint32_t> pages_;  // per 64 KiB page: index of the first row at or behind its start
  std::uint64_t last_address_ = 0;
  std::uint64_t last_rule_ = 0;
};

}  // namespace stoker::unwind
