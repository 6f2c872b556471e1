#include "agent/table_slabs.h"

#include <bpf/bpf.h>
#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace stoker::agent {
namespace {

// A table has far fewer chunk entries than rows: an eighth of the budget is theirs.
constexpr std::uint64_t kChunkShare = 8;

std::uint32_t entries_of(std::uint64_t bytes, std::uint32_t slab_bytes) {
  const std::uint64_t slabs = std::clamp<std::uint64_t>(bytes / slab_bytes, 1, MOST_SLABS);
  return static_cast<std::uint32_t>(slabs * slab_bytes / 8);
}

}  // namespace

TableSlabs::TableSlabs(int row_slabs, int chunk_slabs, std::uint64_t budget)
    : rows_{row_slabs,
            sizeof(unwind_row),
            sizeof(unwind_block),
            ROW_SLAB_BLOCKS,
            {},
            RangeAllocator(
                entries_of(budget - budget / kChunkShare, ROW_SLAB_BLOCKS * sizeof(unwind_block)))},
      chunks_{chunk_slabs,
              sizeof(unwind_chunk),
              sizeof(unwind_chunk),
              CHUNK_SLAB_ENTRIES,
              {},
              RangeAllocator(entries_of(budget / kChunkShare, CHUNK_SLAB_ENTRIES * sizeof(unwind_chunk)))} {}

Result<int> TableSlabs::Array::slab(std::uint32_t number) {
  if (number >= slabs.size()) {
    slabs.resize(number + 1);
  }
  UniqueFd& fd = slabs[number];
  if (fd) {
    return fd.get();
  }
  bpf_map_create_opts options{};
  options.sz = sizeof(options);
  options.map_flags = BPF_F_MMAPABLE;
  UniqueFd made(::bpf_map_create(BPF_MAP_TYPE_ARRAY, "unwind_slab", sizeof(std::uint32_t), value_size,
                                 slab_values, &options));
  if (!made) {
    return system_error("cannot make a BPF map for unwind tables", errno);
  }
  const int value = made.get();
  if (::bpf_map_update_elem(outer, &number, &value, BPF_ANY) != 0) {
    return system_error("cannot add a BPF map for unwind tables", errno);
  }
  fd = std::move(made);
  return fd.get();
}

Result<> TableSlabs::Array::write(std::uint32_t first, std::span<const std::byte> bytes) {
  std::size_t done = 0;
  while (done < bytes.size()) {
    const auto at = static_cast<std::uint32_t>(first + done / entry_size);
    const auto fd = slab(at / slab_entries());
    if (!fd) {
      return std::unexpected(fd.error());
    }
    const std::size_t slab_bytes = std::size_t{slab_values} * value_size;
    // Mapped only while it is written: mapped pages would count as the agent's own memory.
    void* const memory = ::mmap(nullptr, slab_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, *fd, 0);
    if (memory == MAP_FAILED) {
      return system_error("cannot map a BPF map for unwind tables", errno);
    }
    const std::size_t offset = std::size_t{at % slab_entries()} * entry_size;
    const std::size_t piece = std::min(bytes.size() - done, slab_bytes - offset);
    std::memcpy(static_cast<std::byte*>(memory) + offset, bytes.data() + done, piece);
    ::munmap(memory, slab_bytes);
    done += piece;
  }
  return {};
}

Result<std::optional<TablePlace>> TableSlabs::add(const unwind::UnwindTable& table, MonotonicTime now) {
  TablePlace place;
  place.start = table.start();
  place.end = table.end();
  place.rows = static_cast<std::uint32_t>(table.rows().size());
  place.chunks = static_cast<std::uint32_t>(table.chunks().size());
  place.chunk_shift = static_cast<std::uint8_t>(table.chunk_shift());
  const auto rows = rows_.places.take(place.rows, now);
  if (!rows) {
    return std::nullopt;
  }
  const auto chunks = chunks_.places.take(place.chunks, now);
  if (!chunks) {
    rows_.places.give_back(*rows, place.rows, now);
    return std::nullopt;
  }
  place.first_row = *rows;
  place.first_chunk = *chunks;
  std::vector<unwind_chunk> placed(place.chunks);
  table.place(place.first_row, placed);
  Result<> written = rows_.write(place.first_row, std::as_bytes(table.rows()));
  if (written) {
    written = chunks_.write(place.first_chunk, std::as_bytes(std::span(placed)));
  }
  if (!written) {
    remove(place, now);
    return std::unexpected(written.error());
  }
  return place;
}

void TableSlabs::remove(const TablePlace& place, MonotonicTime now) {
  rows_.places.give_back(place.first_row, place.rows, now);
  chunks_.places.give_back(place.first_chunk, place.chunks, now);
}

bool TableSlabs::room_to_come(const unwind::UnwindTable& table) const {
  return rows_.places.room_to_come(static_cast<std::uint32_t>(table.rows().size())) &&
         chunks_.places.room_to_come(static_cast<std::uint32_t>(table.chunks().size()));
}

bool TableSlabs::can_hold(const unwind::UnwindTable& table) const {
  return table.rows().size() <= rows_.places.size() && table.chunks().size() <= chunks_.places.size();
}

bool TableSlabs::nearly_full() const {
  const auto full = [](const RangeAllocator& places) {
    return places.handed_out() > places.size() - places.size() / 4;
  };
  return full(rows_.places) || full(chunks_.places);
}

unwind_row TableSlabs::find(const TablePlace& place, elf::ElfAddress address) const {
  const std::uint64_t index = (address.value - place.start.value) >> place.chunk_shift;
  if (address < place.start || index >= place.chunks) {
    return {};
  }
  const auto entry = static_cast<std::uint32_t>(place.first_chunk + index);
  const std::uint32_t chunk_key = entry % CHUNK_SLAB_ENTRIES;
  unwind_chunk chunk{};
  if (::bpf_map_lookup_elem(chunks_.slabs[entry / CHUNK_SLAB_ENTRIES].get(), &chunk_key, &chunk) != 0) {
    return {};
  }
  const auto low_bits = static_cast<std::uint16_t>(address.value);
  const unwind_place rows = unwind_chunk_place(&chunk, low_bits);
  unwind_block block;
  const std::uint32_t block_key = rows.block % ROW_SLAB_BLOCKS;
  if (::bpf_map_lookup_elem(rows_.slabs[rows.block / ROW_SLAB_BLOCKS].get(), &block_key, &block) != 0) {
    return {};
  }
  return block.rows[unwind_find_row(block.rows, rows.low, rows.count, low_bits)];
}

std::uint64_t TableSlabs::bytes() const {
  const auto made = [](const Array& array) {
    const auto slabs =
        std::ranges::count_if(array.slabs, [](const UniqueFd& fd) { return static_cast<bool>(fd); });
    return static_cast<std::uint64_t>(slabs) * array.slab_values * array.value_size;
  };
  return made(rows_) + made(chunks_);
}

}  // namespace stoker::agent
