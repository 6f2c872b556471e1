// The machine this program is built for, which is the one that it profiles.
#pragma once

#include "elf/elf_file.h"

namespace stoker::elf {

#if defined(__aarch64__)
inline constexpr Machine kHostMachine = Machine::kAarch64;
#else
inline constexpr Machine kHostMachine = Machine::kX86_64;
#endif

}  // namespace stoker::elf
