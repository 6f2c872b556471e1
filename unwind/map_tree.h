// A process's mappings as the tree of blocks that the walk in the kernel searches (bpf/shared/walk_maps.h).
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "bpf/shared/walk_maps.h"

namespace stoker::unwind {

using PutMapBlock = std::function<void(std::uint32_t number, std::span<const map_entry> entries)>;

// entries: sorted by start, without overlap, at most 64³. Calls put for each block of at most MAP_BLOCK_ENTRIES:
// leaves first, then level by level up, the root last as block 0, so that whoever reads meanwhile finds the old tree or
// nothing, never half of the new. Returns how many blocks there are.
std::uint32_t put_map_tree(std::vector<map_entry> entries, const PutMapBlock& put);

}  // namespace stoker::unwind
