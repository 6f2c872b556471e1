// Compressed sections and streams, with a cap on what they may grow to.
#pragma once

#include <cstdint>
#include <string>

#include "base/bytes.h"
#include "base/error.h"
#include "elf/elf_file.h"

namespace stoker::elf {

// Elf64_Chdr (gABI "Section Compression"): ch_type 1 is zlib, 2 zstd. what starts the error message.
Result<SectionBytes> inflate_chdr(ByteView stored, std::uint64_t limit, const std::string& what);

// The older form: "ZLIB", the size as 64-bit big-endian, a zlib stream.
Result<SectionBytes> inflate_zdebug(ByteView stored, std::uint64_t limit, const std::string& what);

// An xz stream (.gnu_debugdata). Its size is not announced: grows up to limit.
Result<SectionBytes> inflate_xz(ByteView stored, std::uint64_t limit, const std::string& what);

}  // namespace stoker::elf
