#include "unwind/fde_index.h"

#include <algorithm>
#include <array>

namespace stoker::unwind {
namespace {

// The smallest FDE an assembler writes, padding included; for a guess at how many there are.
constexpr std::size_t kSmallestFde = 20;
constexpr std::size_t kLargestGuess = std::size_t{1} << 20;

// By start, equal ones staying in order. Linear, because a hostile file may have 100 million entries.
void sort_by_start(std::vector<IndexedFde>& entries) {
  if (std::ranges::is_sorted(entries, {}, &IndexedFde::start)) {
    return;
  }
  constexpr unsigned kBits = 11;
  constexpr std::uint32_t kBuckets = 1 << kBits;
  std::vector<IndexedFde> sorted(entries.size());
  for (unsigned shift = 0; shift < 32; shift += kBits) {
    std::array<std::uint32_t, kBuckets + 1> at{};
    const auto bucket = [shift](const IndexedFde& entry) { return (entry.start >> shift) % kBuckets; };
    for (const IndexedFde& entry : entries) {
      ++at[bucket(entry) + 1];
    }
    for (std::size_t i = 1; i <= kBuckets; ++i) {
      at[i] += at[i - 1];
    }
    for (const IndexedFde& entry : entries) {
      sorted[at[bucket(entry)]++] = entry;
    }
    entries.swap(sorted);
  }
}

}  // namespace

std::vector<IndexedFde> index_fdes(CfiReader& reader, elf::ElfAddress base, elf::ElfAddress segment_start,
                                   elf::ElfAddress limit, BuildStats& stats) {
  std::vector<IndexedFde> entries;
  entries.reserve(std::min(reader.section().bytes.size() / kSmallestFde, kLargestGuess));
  const bool debug = reader.section().kind == CfiKind::kDebugFrame;
  while (const auto fde = reader.next()) {
    // Linkers leave FDEs of dropped functions behind at address 0.
    if (fde->size == 0 || fde->start.value == 0) {
      continue;
    }
    if (fde->start < segment_start || fde->start >= limit || fde->size > limit.value - fde->start.value) {
      ++stats.outside_segments;
      continue;
    }
    const auto start = static_cast<std::uint32_t>(fde->start.value - base.value);
    IndexedFde entry{
        .start = start, .end = start + static_cast<std::uint32_t>(fde->size), .offset = fde->offset};
    entry.source = debug ? RowSource::kDebugFrame : RowSource::kEhFrame;
    const std::uint32_t before_program = fde->program.start - fde->offset;
    if (before_program <= UINT16_MAX && fde->cie <= UINT8_MAX && !fde->wide) {
      entry.program = static_cast<std::uint16_t>(before_program);
      entry.cie = static_cast<std::uint8_t>(fde->cie);
    }
    entries.push_back(entry);
  }
  stats.malformed += reader.malformed();
  sort_by_start(entries);

  std::size_t kept = 0;
  for (const IndexedFde& entry : entries) {
    if (kept != 0 && entries[kept - 1].start == entry.start) {
      ++stats.overlapping;
      continue;
    }
    if (kept != 0 && entries[kept - 1].end > entry.start) {
      ++stats.overlapping;
      entries[kept - 1].end = entry.start;
    }
    entries[kept++] = entry;
  }
  entries.resize(kept);
  return entries;
}

std::vector<IndexedFde> fill_gaps(std::vector<IndexedFde> first, std::span<const IndexedFde> second) {
  if (second.empty()) {
    return first;
  }
  std::vector<IndexedFde> merged;
  merged.reserve(first.size() + second.size());
  std::size_t next = 0;
  std::uint32_t covered = 0;  // everything below is taken
  for (IndexedFde entry : second) {
    while (next < first.size() && first[next].start <= entry.start) {
      covered = std::max(covered, first[next].end);
      merged.push_back(first[next++]);
    }
    if (entry.start < covered) {
      continue;
    }
    if (next < first.size()) {
      entry.end = std::min(entry.end, first[next].start);
    }
    merged.push_back(entry);
    covered = entry.end;
  }
  merged.insert(merged.end(), first.begin() + static_cast<std::ptrdiff_t>(next), first.end());
  return merged;
}

}  // namespace stoker::unwind
