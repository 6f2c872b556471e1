// Ends of functions as .eh_frame knows them, for symbols that do not say their size.
#pragma once

#include <cstdint>
#include <optional>

#include "elf/elf_file.h"

namespace stoker::symbolize {

// One past the last byte of the frame description that holds address (LSB Core, ".eh_frame_hdr" and
// ".eh_frame"). nullopt when none does, or the file has no search table with the 4-byte, data-relative
// entries that all linkers write.
std::optional<std::uint64_t> end_of_frame(const elf::ElfFile& file, std::uint64_t address);

}  // namespace stoker::symbolize
