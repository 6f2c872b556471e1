// Where an ELF file keeps its call frame information.
#pragma once

#include <optional>

#include "base/error.h"
#include "elf/elf_file.h"
#include "unwind/cfi.h"

namespace stoker::unwind {

struct CfiSources {
  CfiSection eh_frame;     // bytes empty when the file has none
  CfiSection debug_frame;  // the same; points into debug_frame_bytes
  elf::SectionBytes debug_frame_bytes;
};

// .eh_frame by its section header, else by PT_GNU_EH_FRAME; .debug_frame, inflated where it is compressed. A
// section that cannot be read is as if it were not there.
CfiSources find_cfi(const elf::ElfFile& file);

// The .eh_frame that a .eh_frame_hdr (LSB 5 §10.6.2) at the given address points to: from there to the end of
// the segment that holds it in the file, ended by its terminator. nullopt when there is none.
std::optional<CfiSection> eh_frame_by_header(const elf::ElfFile& file);

}  // namespace stoker::unwind
