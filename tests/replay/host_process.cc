#include "tests/replay/host_process.h"

#include <algorithm>
#include <map>
#include <span>

#include "bpf/shared/stats.h"
#include "unwind/map_tree.h"

namespace stoker::replay {
namespace {

// So that tables do not begin with a block, as most in the kernel do not.
constexpr std::size_t kFirstRow = UNWIND_BLOCK_ROWS - 3;

template <typename T>
const T* at_or_null(const T* first, std::size_t count, std::uint32_t index) {
  return index < count ? first + index : nullptr;
}

struct Hooks {
  HostProcess& process;
  const std::deque<map_block>& blocks;
  std::span<const unwind_chunk> chunks;
  std::span<const unwind_block> rows;

  static Hooks& of(void* context) { return *static_cast<Hooks*>(context); }
  static int read_user(void* context, void* to, u32 size, u64 from) {
    return of(context).process.read(from, {static_cast<std::byte*>(to), size}) ? 0 : -1;
  }
  static const map_block* map_block_at(void* context, u32 number) {
    const auto& blocks = of(context).blocks;
    return number < blocks.size() ? &blocks[number] : nullptr;
  }
  static const unwind_chunk* chunk_at(void* context, u32 index) {
    const auto chunks = of(context).chunks;
    return index < chunks.size() ? &chunks[index] : nullptr;
  }
  static const unwind_block* rows_at(void* context, u32 index) {
    const auto rows = of(context).rows;
    return index < rows.size() ? &rows[index] : nullptr;
  }
};

}  // namespace

std::uint32_t HostProcess::place(const unwind::UnwindTable& table) {
  const auto first_chunk = static_cast<std::uint32_t>(chunks_.size());
  if (row_count_ == 0) {
    row_count_ = kFirstRow;
  }
  chunks_.resize(chunks_.size() + table.chunks().size());
  table.place(static_cast<std::uint32_t>(row_count_), std::span(chunks_).subspan(first_chunk));
  rows_.resize((row_count_ + table.rows().size()) / UNWIND_BLOCK_ROWS + 1);
  for (const unwind_row& row : table.rows()) {
    rows_[row_count_ / UNWIND_BLOCK_ROWS].rows[row_count_ % UNWIND_BLOCK_ROWS] = row;
    ++row_count_;
  }
  return first_chunk;
}

void HostProcess::set_mappings(std::vector<HostMapping> mappings) {
  mappings_ = std::move(mappings);
  blocks_.clear();
  chunks_.clear();
  rows_.clear();
  row_count_ = 0;
  std::map<const unwind::UnwindTable*, std::uint32_t> places;
  std::vector<map_entry> entries;
  entries.reserve(mappings_.size());
  for (const HostMapping& mapping : mappings_) {
    map_entry entry{};
    entry.start = mapping.start;
    entry.end = mapping.end;
    entry.kind = static_cast<u8>(mapping.kind);
    if (mapping.kind == MAP_TABLE) {
      auto [found, added] = places.try_emplace(mapping.table);
      if (added) {
        found->second = place(*mapping.table);
      }
      entry.bias = mapping.bias;
      entry.table_start = mapping.table->start().value;
      entry.first_chunk = found->second;
      entry.chunks = static_cast<u32>(mapping.table->chunks().size());
      entry.chunk_shift = static_cast<u8>(mapping.table->chunk_shift());
    }
    entries.push_back(entry);
  }
  unwind::put_map_tree(std::move(entries), [this](std::uint32_t number, std::span<const map_entry> block) {
    if (blocks_.size() <= number) {
      blocks_.resize(number + std::size_t{1});
    }
    blocks_[number] = {};
    map_block_set(&blocks_[number], block.data(), static_cast<u32>(block.size()));
  });
}

std::optional<unwind::CodePlace> HostProcess::find(std::uint64_t pc) {
  const auto next = std::ranges::upper_bound(mappings_, pc, {}, &HostMapping::start);
  if (next == mappings_.begin() || pc >= std::prev(next)->end) {
    return std::nullopt;
  }
  const HostMapping& mapping = *std::prev(next);
  switch (mapping.kind) {
    case MAP_TABLE:
      return unwind::CodePlace{std::nullopt, mapping.table, {pc - mapping.bias}};
    case MAP_FRAME_POINTER:
      return unwind::CodePlace{};
    case MAP_NONE:
      return unwind::CodePlace{.row = unwind_row{}};
    default:
      return std::nullopt;
  }
}

Walked HostProcess::walk_as_bpf(const unwind::Registers& registers) {
  Hooks hooks{*this, blocks_, chunks_, rows_};
  const HostWalkSource source{&hooks,          Hooks::read_user, Hooks::map_block_at,
                              Hooks::chunk_at, Hooks::rows_at,   registers.thread_pointer};
  HostWalked out{};
  const auto walk = machine_ == elf::Machine::kAarch64 ? host_walk_arm64 : host_walk_x86;
  walk(&source, registers.values.data(), registers.thread_pointer, &out);
  Walked walked;
  walked.frames.assign(out.frames, out.frames + out.count);
  walked.end = out.pending != 0 ? std::uint8_t{STAT_cut_no_mapping} : static_cast<std::uint8_t>(out.end);
  return walked;
}

Walked HostProcess::walk_as_user_space(const unwind::Registers& registers) {
  unwind::WalkOptions options;
  options.machine = machine_;
  const unwind::Walk walk = unwind::walk(registers, *this, options);
  Walked walked;
  walked.frames.reserve(walk.frames.size());
  for (const unwind::WalkFrame& frame : walk.frames) {
    walked.frames.push_back(frame.exact ? frame.pc | FRAME_EXACT : frame.pc);
  }
  walked.end = unwind::to_stat(walk.end);
  return walked;
}

}  // namespace stoker::replay
