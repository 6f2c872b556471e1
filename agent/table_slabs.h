// The kernel's copy of the unwind tables: rows and chunk entries in BPF arrays that are made as they are needed.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "agent/range_allocator.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/unique_fd.h"
#include "bpf/shared/walk_maps.h"
#include "unwind/table.h"

namespace stoker::agent {

// Where a table lies.
struct TablePlace {
  elf::ElfAddress start;
  elf::ElfAddress end;
  std::uint32_t first_row = 0;
  std::uint32_t rows = 0;
  std::uint32_t first_chunk = 0;
  std::uint32_t chunks = 0;
  std::uint8_t chunk_shift = 0;
};

// Not thread-safe.
class TableSlabs {
 public:
  // Descriptors of the two arrays of maps; budget: bytes of rows and chunk entries together.
  TableSlabs(int row_slabs, int chunk_slabs, std::uint64_t budget);

  // Writes a table. nullopt: no room. An error: the kernel refused a slab.
  Result<std::optional<TablePlace>> add(const unwind::UnwindTable& table, MonotonicTime now);
  void remove(const TablePlace& place, MonotonicTime now);
  // Whether add() will find room once the places of removed tables are free again (RangeAllocator::kGraceNs).
  bool room_to_come(const unwind::UnwindTable& table) const;
  // Whether it would find room if it were the only one.
  bool can_hold(const unwind::UnwindTable& table) const;
  // Whether more than three quarters of either array are handed out.
  bool nearly_full() const;

  // The row in force; UNWIND_NONE outside the table. Costs two system calls.
  unwind_row find(const TablePlace& place, elf::ElfAddress address) const;

  // Kernel memory taken by slabs.
  std::uint64_t bytes() const;

 private:
  // One of the two long arrays.
  struct Array {
    int outer;
    std::uint32_t entry_size;  // of one row or chunk entry
    std::uint32_t value_size;  // of one BPF map value: a block of rows, or one chunk entry
    std::uint32_t slab_values;
    std::vector<UniqueFd> slabs;
    RangeAllocator places;

    std::uint32_t slab_entries() const { return slab_values * (value_size / entry_size); }
    Result<int> slab(std::uint32_t number);
    Result<> write(std::uint32_t first, std::span<const std::byte> bytes);
  };

  Array rows_;
  Array chunks_;
};

}  // namespace stoker::agent
