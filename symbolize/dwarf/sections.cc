#include "symbolize/dwarf/sections.h"

#include <elf.h>
#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <string_view>

#include "base/byte_reader.h"

namespace stoker::symbolize::dwarf {
namespace {

constexpr std::array<std::string_view, static_cast<std::size_t>(SectionId::kCount)> kNames = {
    ".debug_info",        ".debug_abbrev", ".debug_line",   ".debug_str",      ".debug_line_str",
    ".debug_str_offsets", ".debug_addr",   ".debug_ranges", ".debug_rnglists", ".debug_cu_index",
};

constexpr std::string_view kSplitSuffix = ".dwo";

// Of one section. Whoever opens a file asks inflated_bytes() first.
constexpr std::uint64_t kMostInflated = std::uint64_t{2} << 30;

std::string_view without_dwo(std::string_view name) {
  return name.ends_with(kSplitSuffix) ? name.substr(0, name.size() - kSplitSuffix.size()) : name;
}

// Elf64_Chdr (gABI "Section Compression"): type, reserved, size; .zdebug_*: "ZLIB" and a big-endian size.
std::uint64_t announced_size(ByteView stored, bool chdr) {
  ByteReader reader(stored);
  reader.u64();
  if (chdr) {
    const std::uint64_t size = reader.u64();
    return reader.ok() ? size : 0;
  }
  reader.seek(4);
  std::uint64_t size = 0;
  for (int i = 0; i < 8; ++i) {
    size = size << 8 | reader.u8();
  }
  return reader.ok() ? size : 0;
}

}  // namespace

std::uint64_t inflated_bytes(const elf::ElfFile& file) {
  std::uint64_t total = 0;
  for (const elf::Section& section : file.sections()) {
    const bool chdr = (section.flags & SHF_COMPRESSED) != 0;
    const bool old = section.name.starts_with(".zdebug_");
    if (!chdr && !old) {
      continue;
    }
    const std::string name = old ? "." + std::string(section.name.substr(2)) : std::string(section.name);
    if (std::ranges::find(kNames, without_dwo(name)) != kNames.end()) {
      // What goes past the end of the address space is past any limit as well.
      const std::uint64_t size = announced_size(file.raw(section), chdr);
      total = total + size < total ? UINT64_MAX : total + size;
    }
  }
  return total;
}

ByteView Sections::get(SectionId id) const {
  const auto index = static_cast<std::size_t>(id);
  Slot& slot = slots_[index];
  if (!slot.loaded) {
    slot.loaded = true;
    std::string name(kNames[index]);
    if (split_ && id != SectionId::kCuIndex) {
      name += kSplitSuffix;
    }
    if (auto contents = file_->contents(name, kMostInflated)) {
      slot.bytes = *std::move(contents);
    } else {
      report(contents.error());
    }
  }
  return slot.bytes.bytes();
}

void Sections::report(const Error& error) const {
  // Whoever opened a damaged file has said so.
  if (complain_ && !reported_ && !file_->damage()) {
    reported_ = true;
    complain_(error);
  }
}

void Sections::report(std::string_view part, std::uint64_t offset, SectionId section) const {
  report(Error{"cannot read all debug data of " + file_->name(),
               fmt::format("{} at {:#x} of {}{}", part, offset, kNames[static_cast<std::size_t>(section)],
                           split_ ? kSplitSuffix : ""),
               {},
               0});
}

std::uint64_t Sections::memory_bytes() const {
  std::uint64_t total = 0;
  for (const Slot& slot : slots_) {
    total += slot.bytes.owned() ? slot.bytes.bytes().size() : 0;
  }
  return total;
}

}  // namespace stoker::symbolize::dwarf
