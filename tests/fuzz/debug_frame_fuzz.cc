// .debug_frame bytes beside a small .eh_frame: ranges of both are merged.
#include "tests/unit/unwind/made_elf.h"
#include "unwind/table_builder.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace stoker;
  unwind::test::MadeElf made;
  made.machine = size % 2 == 0 ? elf::Machine::kX86_64 : elf::Machine::kAarch64;
  const ByteView bytes = std::as_bytes(std::span(data, size));
  made.sections.push_back({".debug_frame", 0, 0, {bytes.begin(), bytes.end()}});
  // Four functions of .eh_frame leave gaps to fill.
  std::vector<std::byte> eh_frame;
  unwind::test::put(eh_frame, 12, 4);
  unwind::test::put(eh_frame, 0, 4);
  unwind::test::put(eh_frame, 0x10'78'01'00'01, 8);
  for (const std::uint64_t start : {0x1100U, 0x1200U, 0x1210U, 0x1800U}) {
    unwind::test::put(eh_frame, 20, 4);
    unwind::test::put(eh_frame, eh_frame.size(), 4);
    unwind::test::put(eh_frame, start, 8);
    unwind::test::put(eh_frame, 0x10, 8);
  }
  made.sections.push_back({".eh_frame", 0x100000, 2, eh_frame});
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
