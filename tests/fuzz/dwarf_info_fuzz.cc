// Look-ups in arbitrary .debug_info and the sections it points into. Input: eight 16-bit lengths, then the sections.
#include <algorithm>
#include <array>
#include <cstdlib>

#include "base/byte_reader.h"
#include "symbolize/dwarf/dwarf.h"
#include "tests/unit/symbolize/dwarf_bytes.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace stoker;
  using namespace stoker::symbolize::dwarf;
  constexpr std::array<const char*, 8> kNames = {".debug_info", ".debug_abbrev",     ".debug_str",
                                                 ".debug_line", ".debug_rnglists",   ".debug_ranges",
                                                 ".debug_addr", ".debug_str_offsets"};
  ByteReader reader(as_bytes({reinterpret_cast<const char*>(data), size}));
  std::array<std::uint16_t, kNames.size()> lengths{};
  for (std::uint16_t& length : lengths) {
    length = reader.u16();
  }
  std::vector<test::MadeElf::Named> sections;
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    const std::uint64_t length = std::min<std::uint64_t>(lengths[i], reader.remaining());
    sections.emplace_back(kNames[i], std::string(as_text(reader.take(length))));
  }
  const test::MadeElf elf(std::move(sections));
  auto dwarf = Dwarf::open({.main = elf.file(), .debug = elf.file(), .supplementary = elf.file()});
  if (!dwarf) {
    return 0;
  }
  std::vector<Frame> frames;
  for (std::uint64_t address = test::kCodeStart; address < test::kCodeEnd; address += 0x123) {
    if ((*dwarf)->find({address}, frames) == frames.empty() || frames.size() > Dwarf::kMostFrames) {
      std::abort();
    }
  }
  (*dwarf)->trim(0);
  return 0;
}
