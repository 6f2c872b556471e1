#include "symbolize/dwarf/sections.h"

#include <string>
#include <string_view>

namespace stoker::symbolize::dwarf {
namespace {

constexpr std::array<std::string_view, static_cast<std::size_t>(SectionId::kCount)> kNames = {
    ".debug_info",        ".debug_abbrev", ".debug_line",   ".debug_str",      ".debug_line_str",
    ".debug_str_offsets", ".debug_addr",   ".debug_ranges", ".debug_rnglists", ".debug_cu_index",
};

}  // namespace

ByteView Sections::get(SectionId id) const {
  const auto index = static_cast<std::size_t>(id);
  Slot& slot = slots_[index];
  if (!slot.loaded) {
    slot.loaded = true;
    std::string name(kNames[index]);
    if (split_ && id != SectionId::kCuIndex) {
      name += ".dwo";
    }
    if (auto contents = file_->contents(name)) {
      slot.bytes = *std::move(contents);
    }
  }
  return slot.bytes.bytes();
}

std::uint64_t Sections::memory_bytes() const {
  std::uint64_t total = 0;
  for (const Slot& slot : slots_) {
    total += slot.bytes.owned() ? slot.bytes.bytes().size() : 0;
  }
  return total;
}

}  // namespace stoker::symbolize::dwarf
