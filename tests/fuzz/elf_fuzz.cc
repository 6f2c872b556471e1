// ELF headers, notes and sections of a hostile file, and its bytes by address.
#include <memory>
#include <string>

#include "symbolize/elf_memory.h"

using namespace stoker;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  auto parsed = elf::ElfFile::parse(as_bytes(bytes), "fuzz");
  if (!parsed) {
    return 0;
  }
  const auto file = std::make_shared<const elf::ElfFile>(*std::move(parsed));
  file->build_id();
  constexpr std::uint64_t kLargest = 1 << 20;
  for (const elf::Section& section : file->sections()) {
    if (const auto contents = file->contents(section, kLargest);
        contents && contents->owned() && contents->bytes().size() > kLargest) {
      __builtin_trap();
    }
    file->is_code(section.address);
    elf::to_offset(section.address, file->executable_segments());
  }
  const symbolize::ElfMemory memory(file);
  memory.find_pointers(file->entry().value, 16);
  memory.pointer(file->entry().value);
  return 0;
}
