#include "unwind/cfi_sources.h"

#include <elf.h>

namespace stoker::unwind {
namespace {

// Of an inflated .debug_frame. 40 MiB describe a browser.
constexpr std::uint64_t kMostDebugFrame = 64 << 20;

elf::ElfAddress address_of(const elf::ElfFile& file, std::string_view name) {
  const elf::Section* section = file.find_section(name);
  return section == nullptr ? elf::ElfAddress{} : section->address;
}

}  // namespace

std::optional<CfiSection> eh_frame_by_header(const elf::ElfFile& file) {
  const elf::ProgramHeader* header = file.find_program_header(PT_GNU_EH_FRAME);
  if (header == nullptr) {
    return std::nullopt;
  }
  const CfiSection own{.bytes = file.raw(*header), .address = header->address, .data = header->address};
  ByteReader reader(own.bytes);
  const std::uint8_t version = reader.u8();
  const std::uint8_t encoding = reader.u8();
  reader.u16();  // encodings of the search table, which is not needed: entries are read in order
  const elf::ElfAddress start = read_pointer(reader, encoding, 8, own);
  if (!reader.ok() || version != 1) {
    return std::nullopt;
  }
  for (const elf::ProgramHeader& segment : file.program_headers()) {
    const std::uint64_t skipped = start.value - segment.address.value;
    if (segment.type == PT_LOAD && start >= segment.address && skipped < segment.file_size) {
      const ByteView bytes = file.raw(segment);
      if (skipped < bytes.size()) {
        return CfiSection{.bytes = bytes.subspan(static_cast<std::size_t>(skipped)),
                          .address = start,
                          .stops_at_terminator = true};
      }
    }
  }
  return std::nullopt;
}

CfiSources find_cfi(const elf::ElfFile& file) {
  CfiSources sources;
  if (const elf::Section* section = file.find_section(".eh_frame")) {
    sources.eh_frame.bytes = file.raw(*section);
    sources.eh_frame.address = section->address;
  } else if (const auto found = eh_frame_by_header(file)) {
    sources.eh_frame = *found;
  }
  sources.eh_frame.text = address_of(file, ".text");
  sources.eh_frame.data = address_of(file, ".got");

  if (auto contents = file.contents(".debug_frame", kMostDebugFrame)) {
    sources.debug_frame_bytes = *std::move(contents);
    sources.debug_frame.bytes = sources.debug_frame_bytes.bytes();
  }
  sources.debug_frame.kind = CfiKind::kDebugFrame;
  return sources;
}

}  // namespace stoker::unwind
