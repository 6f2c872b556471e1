#include "unwind/map_tree.h"

#include <algorithm>
#include <utility>

namespace stoker::unwind {

std::uint32_t put_map_tree(std::vector<map_entry> entries, const PutMapBlock& put) {
  std::uint32_t next = 1;
  while (entries.size() > MAP_BLOCK_ENTRIES) {
    std::vector<map_entry> parents;
    for (std::size_t first = 0; first < entries.size(); first += MAP_BLOCK_ENTRIES) {
      const auto block =
          std::span(entries).subspan(first, std::min<std::size_t>(MAP_BLOCK_ENTRIES, entries.size() - first));
      map_entry parent{};
      parent.start = block.front().start;
      parent.end = block.back().end;
      parent.kind = MAP_INDEX;
      parent.first_chunk = next;
      put(next++, block);
      parents.push_back(parent);
    }
    entries = std::move(parents);
  }
  put(0, entries);
  return next;
}

}  // namespace stoker::unwind
