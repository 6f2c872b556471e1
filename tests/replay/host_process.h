// A process as both walkers see it: the BPF program's through maps held in memory, user space's through unwind/walker.h.
#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "bpf/shared/walk_maps.h"
#include "tests/replay/host_walk.h"
#include "unwind/walker.h"

namespace stoker::replay {

// An executable mapping. table and bias (elf address = run address − bias) with MAP_TABLE only.
struct HostMapping {
  std::uint64_t start = 0;
  std::uint64_t end = 0;
  map_kind kind = MAP_NONE;
  const unwind::UnwindTable* table = nullptr;
  std::uint64_t bias = 0;
};

struct Walked {
  std::vector<std::uint64_t> frames;  // as in a record (FRAME_EXACT), leaf first
  std::uint8_t end = 0;               // 0: at a root; else a STAT_cut_…
  bool operator==(const Walked&) const = default;
};

// Give read() to make one. Not thread-safe.
class HostProcess : public unwind::WalkSource {
 public:
  // Sorted by start, without overlap; tables must outlive the object.
  explicit HostProcess(elf::Machine machine) : machine_(machine) {}
  void set_mappings(std::vector<HostMapping> mappings);
  const std::vector<HostMapping>& mappings() const { return mappings_; }
  elf::Machine machine() const { return machine_; }

  std::optional<unwind::CodePlace> find(std::uint64_t pc) override;

  // What the BPF program leaves to user space (code in no mapping, or in one whose table is not loaded) is
  // STAT_cut_no_mapping: for the first kind that is what user space finds then.
  Walked walk_as_bpf(const unwind::Registers& registers);
  Walked walk_as_user_space(const unwind::Registers& registers);

 private:
  std::uint32_t place(const unwind::UnwindTable& table);

  const elf::Machine machine_;
  std::vector<HostMapping> mappings_;
  std::deque<map_block> blocks_;  // by number
  std::vector<unwind_chunk> chunks_;
  std::vector<unwind_block> rows_;
  std::size_t row_count_ = 0;
};

}  // namespace stoker::replay
