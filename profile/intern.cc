#include "profile/intern.h"

namespace stoker::profile {

void HashIndex::insert(std::uint64_t hash, std::uint32_t id) {
  if ((used_ + 1) * 4 > slots_.size() * 3) {
    std::vector<Slot> old(slots_.empty() ? 16 : slots_.size() * 2);
    old.swap(slots_);
    for (const Slot& slot : old) {
      if (slot.id != 0) {
        place(slot);
      }
    }
  }
  place({static_cast<std::uint32_t>(hash >> 32), id, static_cast<std::uint32_t>(hash)});
  ++used_;
}

void HashIndex::place(Slot slot) {
  std::size_t i = slot.low & (slots_.size() - 1);
  while (slots_[i].id != 0) {
    i = (i + 1) & (slots_.size() - 1);
  }
  slots_[i] = slot;
}

}  // namespace stoker::profile
