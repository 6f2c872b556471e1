#include "symbolize/elf_memory.h"

#include <elf.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/byte_reader.h"

namespace stoker::symbolize {

ElfMemory::ElfMemory(std::shared_ptr<const elf::ElfFile> file) : file_(std::move(file)) {
  const elf::ProgramHeader* dynamic = file_->find_program_header(PT_DYNAMIC);
  if (dynamic == nullptr) {
    return;
  }
  std::uint64_t address = 0;
  std::uint64_t size = 0;
  ByteReader reader(file_->raw(*dynamic));
  while (reader.remaining() >= sizeof(Elf64_Dyn)) {
    const std::int64_t tag = reader.i64();
    const std::uint64_t value = reader.u64();
    if (tag == DT_NULL) {
      break;
    }
    address = tag == DT_RELA ? value : address;
    size = tag == DT_RELASZ ? value : size;
  }
  if (address != 0) {
    const ByteView bytes = from(address);
    relocations_ = bytes.first(std::min<std::uint64_t>(size, bytes.size()));
  }
}

ByteView ElfMemory::from(std::uint64_t address) const {
  for (const elf::ProgramHeader& header : file_->program_headers()) {
    if (header.type == PT_LOAD && address >= header.address.value &&
        address - header.address.value < header.file_size) {
      const ByteView bytes = file_->raw(header);
      return bytes.empty() ? bytes : bytes.subspan(address - header.address.value);
    }
  }
  return {};
}

// visit(address, value) returns false to stop.
template <typename Visit>
void ElfMemory::each_relative(Visit visit) const {
  const std::uint32_t relative =
      file_->machine() == elf::Machine::kAarch64 ? R_AARCH64_RELATIVE : R_X86_64_RELATIVE;
  ByteReader reader(relocations_);
  while (reader.remaining() >= sizeof(Elf64_Rela)) {
    const std::uint64_t address = reader.u64();
    const std::uint64_t info = reader.u64();
    const std::uint64_t addend = reader.u64();
    if (info == relative && !visit(address, addend)) {
      return;
    }
  }
}

std::optional<std::uint64_t> ElfMemory::pointer(std::uint64_t address) const {
  std::optional<std::uint64_t> value;
  each_relative([&](std::uint64_t at, std::uint64_t addend) {
    if (at == address) {
      value = addend;
    }
    return !value;
  });
  if (!value) {
    ByteReader reader(from(address));
    const std::uint64_t stored = reader.u64();
    value = reader.ok() ? std::optional(stored) : std::nullopt;
  }
  return value;
}

std::vector<std::uint64_t> ElfMemory::find_pointers(std::uint64_t value, std::size_t most) const {
  std::vector<std::uint64_t> found;
  each_relative([&](std::uint64_t at, std::uint64_t addend) {
    if (addend == value) {
      found.push_back(at);
    }
    return found.size() < most;
  });
  for (const elf::ProgramHeader& header : file_->program_headers()) {
    if (header.type != PT_LOAD || (header.flags & PF_W) == 0) {
      continue;
    }
    const ByteView bytes = file_->raw(header);
    for (std::size_t i = 0; i + 8 <= bytes.size() && found.size() < most; i += 8) {
      std::uint64_t stored = 0;
      std::memcpy(&stored, bytes.data() + i, sizeof stored);
      if (stored == value) {
        found.push_back(header.address.value + i);
      }
    }
  }
  std::ranges::sort(found);
  found.erase(std::ranges::unique(found).begin(), found.end());
  return found;
}

}  // namespace stoker::symbolize
