#include "unwind/table.h"

#include <algorithm>
#include <bit>

namespace stoker::unwind {
namespace {

constexpr std::uint64_t kPageSize = std::uint64_t{1} << 16;

std::uint64_t rule_of(unwind_row row) {
  row.address = 0;
  return std::bit_cast<std::uint64_t>(row);
}

}  // namespace

void UnwindTable::place(std::uint32_t first_row, std::span<unwind_chunk> out) const {
  for (std::size_t i = 0; i < chunks_.size(); ++i) {
    unwind_chunk chunk = chunks_[i];
    const std::uint32_t in_table = chunk.first_row;
    chunk.first_row += first_row;
    const std::uint32_t low = chunk.first_row % UNWIND_BLOCK_ROWS;
    chunk.split =
        low + chunk.count > UNWIND_BLOCK_ROWS ? rows_[in_table + UNWIND_BLOCK_ROWS - low].address : u16{0};
    out[i] = chunk;
  }
}

std::optional<unwind_row> UnwindTable::find(elf::ElfAddress address) const {
  if (address < start_ || address >= end_) {
    return std::nullopt;
  }
  const auto low_bits = static_cast<u16>(address.value);
  const unwind_chunk& chunk = chunks_[(address.value - start_.value) >> chunk_shift_];
  const unwind_place place = unwind_chunk_place(&chunk, low_bits);
  const unwind_row* rows = rows_.data() + std::size_t{place.block} * UNWIND_BLOCK_ROWS;
  return rows[unwind_find_row(rows, place.low, place.count, low_bits)];
}

std::vector<elf::ElfAddress> UnwindTable::addresses() const {
  std::vector<elf::ElfAddress> all;
  all.reserve(rows_.size());
  std::uint64_t page_end = start_.value;
  std::size_t next_chunk = 0;
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    // The last chunk that row i is not behind tells the row's page.
    while (next_chunk < chunks_.size() && chunks_[next_chunk].first_row + chunks_[next_chunk].count <= i) {
      ++next_chunk;
    }
    page_end = (start_.value + (std::uint64_t{next_chunk} << chunk_shift_)) & ~(kPageSize - 1);
    all.push_back({page_end | rows_[i].address});
  }
  return all;
}

RowAppender::RowAppender(elf::ElfAddress start, elf::ElfAddress end, std::size_t expected_rows) {
  table_.start_ = {start.value & ~(kPageSize - 1)};
  table_.end_ = end;
  table_.rows_.reserve(expected_rows);
  pages_.reserve(static_cast<std::size_t>((end.value - table_.start_.value) / kPageSize + 2));
  pages_.push_back(0);
  unwind_row none{};
  none.rule = UNWIND_NONE;
  table_.rows_.push_back(none);
  last_address_ = table_.start_.value;
  last_rule_ = rule_of(none);
}

void RowAppender::replace_last(unwind_row row) {
  auto& rows = table_.rows_;
  last_rule_ = rule_of(row);
  if (rows.size() > 1 && rule_of(rows[rows.size() - 2]) == last_rule_) {
    rows.pop_back();
    for (auto page = pages_.rbegin(); page != pages_.rend() && *page > rows.size(); ++page) {
      *page = static_cast<std::uint32_t>(rows.size());
    }
    // The row before holds on; what is appended next is further on.
    last_address_ = ~std::uint64_t{0};
    return;
  }
  row.address = rows.back().address;
  rows.back() = row;
}

// Of 512 rows that begin in one chunk and the one in force at its start one would not fit: the chunk must be
// so small that row i and row i + 511 never share one.
unsigned RowAppender::largest_shift() const {
  constexpr std::size_t kApart = UNWIND_BLOCK_ROWS - 1;
  unsigned smallest = kPageSize;
  for (std::size_t page = 0; page < pages_.size(); ++page) {
    const std::size_t end = page + 1 < pages_.size() ? pages_[page + 1] : table_.rows_.size();
    for (std::size_t i = pages_[page]; i + kApart < end; ++i) {
      smallest = std::min<unsigned>(smallest, table_.rows_[i].address ^ table_.rows_[i + kApart].address);
    }
  }
  // 512 rows in 512 bytes are one at each: the first begins with the chunk and none is in force before it.
  return std::max<unsigned>(UNWIND_MIN_CHUNK_SHIFT, static_cast<unsigned>(std::bit_width(smallest)) - 1);
}

UnwindTable RowAppender::finish() && {
  const std::uint64_t size = table_.end_.value - table_.start_.value;
  while (pages_.size() < (size + kPageSize - 1) / kPageSize) {
    pages_.push_back(static_cast<std::uint32_t>(table_.rows_.size()));
  }
  table_.chunk_shift_ = largest_shift();
  const std::uint64_t chunk_size = std::uint64_t{1} << table_.chunk_shift_;
  const auto chunk_count =
      std::max<std::size_t>(1, static_cast<std::size_t>((size + chunk_size - 1) / chunk_size));
  table_.chunks_.resize(chunk_count);

  const auto& rows = table_.rows_;
  std::size_t row = 0;  // the first that begins at or behind the chunk's start
  for (std::size_t i = 0; i < chunk_count; ++i) {
    const std::uint64_t from = std::uint64_t{i} << table_.chunk_shift_;
    const auto page = static_cast<std::size_t>(from >> 16);
    const std::size_t page_end = page + 1 < pages_.size() ? pages_[page + 1] : rows.size();
    const auto first_in_page = static_cast<std::uint32_t>(from & (kPageSize - 1));
    std::size_t end = row;
    while (end < page_end && rows[end].address < first_in_page + chunk_size) {
      ++end;
    }
    const bool begins_here = row < end && rows[row].address == first_in_page;
    const std::size_t in_force = begins_here ? row : row - 1;
    table_.chunks_[i].first_row = static_cast<std::uint32_t>(in_force);
    table_.chunks_[i].count = static_cast<std::uint16_t>(end - in_force);
    row = end;
  }
  table_.place(0, table_.chunks_);
  return std::move(table_);
}

}  // namespace stoker::unwind
