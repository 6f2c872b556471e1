#include "agent/process_maps.h"

#include <bpf/bpf.h>

#include <algorithm>
#include <utility>

#include "unwind/map_tree.h"

namespace stoker::agent {
namespace {

constexpr std::uint64_t kKernelHalf = std::uint64_t{1} << 63;

}  // namespace

ProcessMaps::ProcessMaps(int map, discovery::ProcessTable& processes, TableStore& tables, StatCounters& stats)
    : map_(map), processes_(processes), tables_(tables), stats_(stats) {
  processes_.add_observer(this);
}

ProcessMaps::~ProcessMaps() {
  processes_.remove_observer(this);
}

void ProcessMaps::sampled(discovery::Process& process, std::uint64_t address_space) {
  Written& written = written_[process.pid];
  if (written.image != process.image || written.address_space != address_space) {
    written.image = process.image;
    written.address_space = address_space;
    dirty_.insert(process.pid);
  }
}

void ProcessMaps::tables_changed() {
  for (const auto& [pid, written] : written_) {
    if (written.waits) {
      dirty_.insert(pid);
    }
  }
}

void ProcessMaps::mappings_changed(const discovery::Process& process) {
  if (written_.contains(process.pid)) {
    dirty_.insert(process.pid);
  }
}

void ProcessMaps::process_gone(pid_t pid) {
  const auto found = written_.find(pid);
  if (found != written_.end()) {
    remove_blocks(pid, 0, found->second.blocks);
    release(found->second);
    written_.erase(found);
    dirty_.erase(pid);
  }
}

void ProcessMaps::flush() {
  for (const pid_t pid : std::exchange(dirty_, {})) {
    const auto found = written_.find(pid);
    if (found != written_.end()) {
      write(pid, found->second);
    }
  }
}

void ProcessMaps::release(Written& written) {
  for (FileTables* tables : written.tables) {
    --tables->users;
    tables->last_used = monotonic_now();
  }
  written.tables.clear();
}

void ProcessMaps::write(pid_t pid, Written& written) {
  discovery::Process& process = processes_.at(pid);
  release(written);
  if (process.image != written.image) {
    // It has called exec since: its next sample tells the new address space. A sample in the middle of that exec may
    // have told it already, with the old program's mappings.
    remove_blocks(pid, 0, std::exchange(written.blocks, 0));
    return;
  }
  written.waits = false;
  ++generation_;
  std::vector<discovery::Mapping> mappings;
  mappings.reserve(process.mappings.size());
  process.mappings.for_each([&](const discovery::Mapping& mapping) {
    // [vsyscall] lies in the kernel's half, where the kernel side's search does not look (unwind_less).
    if (mapping.start().value < kKernelHalf) {
      mappings.push_back(mapping);
    }
  });
  std::vector<map_entry> entries;
  entries.reserve(mappings.size());
  for (const discovery::Mapping& mapping : mappings) {
    entries.push_back(entry_of(process, mapping, written));
  }
  const std::uint32_t before = written.blocks;
  bool all = true;
  written.blocks =
      unwind::put_map_tree(std::move(entries), [&](std::uint32_t number, std::span<const map_entry> block) {
        all = all && put(pid, number, written.address_space, block);
      });
  remove_blocks(pid, written.blocks, before);
  if (!all) {
    remove_blocks(pid, 0, std::exchange(written.blocks, 0));
    release(written);
    written.waits = true;
    stats_.add(STAT_mappings_refused);
  }
}

map_entry ProcessMaps::entry_of(discovery::Process& process, const discovery::Mapping& mapping,
                                Written& written) {
  map_entry entry{};
  entry.start = mapping.start().value;
  entry.end = mapping.end().value;
  entry.kind = MAP_PENDING;
  const discovery::MappedFileName& file = processes_.file(mapping.file());
  elf::BinaryPtr binary = file.binary;
  if (!file.key.is_file()) {
    if (file.path != "[vdso]") {
      entry.kind = MAP_FRAME_POINTER;
      return entry;
    }
    binary = processes_.binary(process, mapping);
  }
  if (binary == nullptr) {
    written.waits = true;  // not sampled yet: the first sample there opens it
    return entry;
  }
  FileTables& tables = tables_.of(*binary);
  if (tables.state == TableState::kUnusable) {
    entry.kind = MAP_NONE;
    return entry;
  }
  if (tables.state == TableState::kNoRoom) {
    entry.kind = MAP_NO_ROOM;
    written.waits = true;
    return entry;
  }
  const elf::Segment* const segment =
      tables.state == TableState::kReady
          ? elf::shown_segment({mapping.start(), mapping.end(), mapping.offset()},
                               binary->elf->executable_segments())
          : nullptr;
  if (tables.state == TableState::kReady && segment == nullptr) {
    entry.kind = MAP_NONE;
    return entry;
  }
  if (segment == nullptr) {
    written.waits = true;
    return entry;
  }
  const TablePlace* const place = tables.find(segment->address);
  if (place == nullptr) {
    entry.kind = MAP_NONE;
    return entry;
  }
  // elf = run - start + offset - segment.offset + segment.address
  entry.bias = entry.start - mapping.offset().value + segment->offset.value - segment->address.value;
  entry.table_start = place->start.value;
  entry.first_chunk = place->first_chunk;
  entry.chunks = place->chunks;
  entry.chunk_shift = place->chunk_shift;
  entry.kind = MAP_TABLE;
  if (std::ranges::find(written.tables, &tables) == written.tables.end()) {
    ++tables.users;
    written.tables.push_back(&tables);
  }
  return entry;
}

bool ProcessMaps::put(pid_t pid, std::uint32_t number, std::uint64_t address_space,
                      std::span<const map_entry> entries) {
  const map_block_key key{static_cast<std::uint32_t>(pid), number};
  map_block block{};
  block.address_space = address_space;
  block.generation = generation_;
  map_block_set(&block, entries.data(), static_cast<std::uint32_t>(entries.size()));
  return ::bpf_map_update_elem(map_, &key, &block, BPF_ANY) == 0;
}

void ProcessMaps::remove_blocks(pid_t pid, std::uint32_t from, std::uint32_t to) {
  for (std::uint32_t number = from; number < to; ++number) {
    const map_block_key key{static_cast<std::uint32_t>(pid), number};
    ::bpf_map_delete_elem(map_, &key);
  }
}

}  // namespace stoker::agent
