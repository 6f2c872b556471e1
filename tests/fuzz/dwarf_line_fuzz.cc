// An arbitrary .debug_line behind a unit that points to its start.
#include "symbolize/dwarf/debug_file.h"
#include "symbolize/dwarf/line_table.h"
#include "tests/unit/symbolize/dwarf_bytes.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace stoker;
  using namespace stoker::symbolize::dwarf;
  using test::Bytes;
  const Bytes abbreviations =
      Bytes().uleb(1).uleb(0x11).u8(0).uleb(0x1b).uleb(0x08).uleb(0x10).uleb(0x17).u16(0).u8(0);
  const Bytes unit_body = Bytes().u16(5).u8(1).u8(8).u32(0).uleb(1).text("/comp").u32(0);
  const std::string lines(reinterpret_cast<const char*>(data), size);
  const test::MadeElf elf({{".debug_info", Bytes::with_length(unit_body).str()},
                           {".debug_abbrev", abbreviations.str()},
                           {".debug_line", lines},
                           {".debug_line_str", lines},
                           {".debug_str", lines}});
  DebugFile file(elf.file(), false, nullptr, nullptr);
  const Unit* unit = file.unit(0);
  const LineTable table(*unit, CodeRanges(*elf.file()));
  for (const LineTable::Sequence& sequence : table.sequences()) {
    for (const std::uint64_t address : {sequence.low, sequence.low + (sequence.high - sequence.low) / 2}) {
      if (const auto row = table.find(*unit, address)) {
        table.path(*unit, row->file);
      }
    }
  }
  return 0;
}
