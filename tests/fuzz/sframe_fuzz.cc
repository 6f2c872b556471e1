// .sframe bytes in a file around them: the table is built, and every address of it looked up.
#include "tests/unit/unwind/made_elf.h"
#include "unwind/table_builder.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace stoker;
  unwind::test::MadeElf made;
  made.machine = size % 2 == 0 ? elf::Machine::kX86_64 : elf::Machine::kAarch64;
  const ByteView bytes = std::as_bytes(std::span(data, size));
  made.sections.push_back({".sframe", 0x100000, 2, {bytes.begin(), bytes.end()}});
  const auto file_bytes = made.bytes();
  const auto file = elf::ElfFile::parse(file_bytes, "fuzz");
  if (!file) {
    return 0;
  }
  const auto tables = unwind::build_tables(*file);
  if (!tables) {
    return 0;
  }
  for (const unwind::UnwindTable& table : tables->segments) {
    for (std::uint64_t at = table.start().value; at < table.end().value; at += 1 + at % 5) {
      if (!table.find({at})) {
        __builtin_trap();
      }
    }
  }
  return 0;
}
