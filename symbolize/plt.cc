#include "symbolize/plt.h"

#include <elf.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/byte_reader.h"

namespace stoker::symbolize {
namespace {

// A program with more imports than this does not exist; the relocation count is the file author's word.
constexpr std::size_t kMostSlots = 1 << 20;

bool fills_slot(elf::Machine machine, std::uint32_t type) {
  if (machine == elf::Machine::kAarch64) {
    return type == R_AARCH64_JUMP_SLOT || type == R_AARCH64_GLOB_DAT || type == R_AARCH64_IRELATIVE;
  }
  return type == R_X86_64_JUMP_SLOT || type == R_X86_64_GLOB_DAT || type == R_X86_64_IRELATIVE;
}

bool is_irelative(elf::Machine machine, std::uint32_t type) {
  return type == (machine == elf::Machine::kAarch64 ? R_AARCH64_IRELATIVE : R_X86_64_IRELATIVE);
}

// adrp x16, page; ldr x17, [x16, #offset] (after a bti c where the entry has one).
std::optional<std::uint64_t> aarch64_slot(ByteView code, std::uint64_t address) {
  ByteReader reader(code);
  std::uint64_t at = address;
  std::uint32_t word = reader.u32();
  constexpr std::uint32_t kBtiC = 0xd503245f;
  if (word == kBtiC) {
    word = reader.u32();
    at += 4;
  }
  const std::uint32_t load = reader.u32();
  if (!reader.ok() || (word & 0x9f00001f) != 0x90000010 || (load & 0xffc003ff) != 0xf9400211) {
    return std::nullopt;
  }
  const std::uint64_t pages = (word >> 29 & 3) | (word >> 5 & 0x7ffff) << 2;
  const auto signed_pages = static_cast<std::int64_t>(pages << 43) >> 43;
  const std::uint64_t offset = std::uint64_t{load >> 10 & 0xfff} * 8;
  return (at & ~std::uint64_t{4095}) + (static_cast<std::uint64_t>(signed_pages) << 12) + offset;
}

}  // namespace

PltNames::PltNames(std::shared_ptr<const elf::ElfFile> file)
    : file_(std::move(file)), symbols_(SymbolTable::read(file_, TableKind::kDynsym)) {
  const bool arm = file_->machine() == elf::Machine::kAarch64;
  for (const elf::Section& section : file_->sections()) {
    const ByteView code = file_->raw(section);
    if (section.name != ".plt" && section.name != ".plt.sec" && section.name != ".plt.got" &&
        section.name != ".iplt") {
      continue;
    }
    if (code.empty()) {
      continue;
    }
    const bool small = section.entry_size == 8 && section.name == ".plt.got";
    const std::uint64_t header = arm && section.name == ".plt" ? 32 : 0;
    stubs_.push_back(
        {section.address.value, section.address.value + code.size(), small ? 8u : 16u, header, code});
  }
  if (!stubs_.empty()) {
    read_relocations();
  }
}

void PltNames::read_relocations() {
  for (const elf::Section& section : file_->sections()) {
    if (section.type != SHT_RELA || (section.flags & SHF_ALLOC) == 0) {
      continue;
    }
    const bool lazy = section.name == ".rela.plt";
    ByteReader reader(file_->raw(section));
    while (reader.remaining() >= sizeof(Elf64_Rela) && slots_.size() < kMostSlots) {
      const std::uint64_t slot = reader.u64();
      const std::uint64_t info = reader.u64();
      const std::uint64_t addend = reader.u64();
      if (lazy) {
        lazy_slots_.push_back(slot);
      }
      const auto type = static_cast<std::uint32_t>(info);
      if (fills_slot(file_->machine(), type)) {
        const bool is_address = is_irelative(file_->machine(), type);
        slots_.push_back({slot, is_address ? addend : info >> 32, is_address});
      }
    }
  }
  std::ranges::sort(slots_, {}, &Slot::address);
  slots_.shrink_to_fit();
}

// One of: [endbr64] [bnd] jmp *slot(%rip); or, in a lazy .plt beside .plt.sec: endbr64; push $index; [bnd]
// jmp.
std::optional<std::uint64_t> PltNames::slot_of_x86(ByteView code, std::uint64_t address) const {
  const std::string_view all = as_text(code);
  std::string_view text = all;
  if (text.starts_with("\xf3\x0f\x1e\xfa")) {
    text.remove_prefix(4);
  }
  if (text.starts_with('\xf2')) {
    text.remove_prefix(1);
  }
  ByteReader reader(as_bytes(text));
  if (text.starts_with("\xff\x25")) {
    reader.skip(2);
    const std::int64_t displacement = reader.i32();
    const std::uint64_t next = address + (all.size() - text.size()) + 6;
    return reader.ok() ? std::optional(next + static_cast<std::uint64_t>(displacement)) : std::nullopt;
  }
  if (text.starts_with('\x68')) {
    reader.skip(1);
    const std::uint32_t index = reader.u32();
    return reader.ok() && index < lazy_slots_.size() ? std::optional(lazy_slots_[index]) : std::nullopt;
  }
  return std::nullopt;
}

std::optional<std::uint64_t> PltNames::slot_of(const Stubs& stubs, std::uint64_t entry) const {
  const ByteView code = slice(stubs.code, entry - stubs.start, stubs.entry_size);
  return file_->machine() == elf::Machine::kAarch64 ? aarch64_slot(code, entry) : slot_of_x86(code, entry);
}

std::optional<PltNames::Found> PltNames::find(elf::ElfAddress address, const SymbolIndex& index) const {
  const auto stubs = std::ranges::find_if(
      stubs_, [&](const Stubs& each) { return address.value >= each.start && address.value < each.end; });
  if (stubs == stubs_.end() || address.value - stubs->start < stubs->header_size) {
    return std::nullopt;
  }
  const std::uint64_t offset = address.value - stubs->start - stubs->header_size;
  const std::uint64_t entry = address.value - offset % stubs->entry_size;
  const auto slot = slot_of(*stubs, entry);
  if (!slot) {
    return std::nullopt;
  }
  const auto filled = std::ranges::lower_bound(slots_, *slot, {}, &Slot::address);
  if (filled == slots_.end() || filled->address != *slot) {
    return std::nullopt;
  }
  std::string_view name = symbols_.name(static_cast<std::uint32_t>(filled->target));
  if (filled->is_address) {
    const auto resolver = index.find({filled->target});
    name = resolver ? resolver->name : std::string_view{};
  }
  if (name.empty()) {
    return std::nullopt;
  }
  return Found{std::string(name) + "@plt", {entry}};
}

}  // namespace stoker::symbolize
