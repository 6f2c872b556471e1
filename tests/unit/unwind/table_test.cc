// Finished tables: their layout, merging, gaps, and what becomes of FDEs that overlap or lie elsewhere.
#include <gtest/gtest.h>

#include <random>

#include "tests/unit/unwind/cfi_bytes.h"

namespace stoker::unwind::test {
namespace {

unwind_row rsp_row(int words) {
  unwind_row row{};
  row.rule = UNWIND_RSP;
  row.offset = static_cast<s16>(words);
  return row;
}

// Rows at the given addresses, each with another offset, looked up at every address of the range.
void check_lookup(std::uint64_t start, std::uint64_t end, const std::vector<std::uint64_t>& addresses) {
  RowAppender appender({start}, {end}, 0);
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    appender.append(addresses[i], rsp_row(static_cast<int>(i % 1000) + 1));
  }
  const UnwindTable table = std::move(appender).finish();
  std::size_t next = 0;
  for (std::uint64_t at = table.start().value; at < end; ++at) {
    while (next < addresses.size() && addresses[next] <= at) {
      ++next;
    }
    const auto found = table.find({at});
    ASSERT_TRUE(found.has_value());
    ASSERT_EQ(found->offset, next == 0 ? 0 : static_cast<int>((next - 1) % 1000) + 1) << at;
  }
  for (const unwind_chunk& chunk : table.chunks()) {
    ASSERT_GE(chunk.count, 1);
    ASSERT_LE(chunk.count, UNWIND_BLOCK_ROWS);
  }
  const auto all = table.addresses();
  ASSERT_EQ(all.size(), table.rows().size());
  for (std::size_t i = 1; i < all.size(); ++i) {
    ASSERT_EQ(all[i].value, addresses[all.size() == addresses.size() ? i : i - 1]);
  }
}

TEST(Table, EveryAddressFindsItsRowHoweverRowsLie) {
  std::mt19937_64 random(7);
  for (const std::uint64_t step : {1U, 2U, 7U, 64U, 500U, 9000U}) {
    std::vector<std::uint64_t> addresses;
    for (std::uint64_t at = 0x1'2345; at < 0x6'0000; at += 1 + random() % (2 * step)) {
      addresses.push_back(at);
    }
    check_lookup(0x1'2000, 0x6'0000, addresses);
  }
}

TEST(Table, ARowAtEachByteStillFitsItsChunks) {
  std::vector<std::uint64_t> addresses;
  for (std::uint64_t at = 0x1'0000; at < 0x1'3000; ++at) {
    addresses.push_back(at);
  }
  check_lookup(0x1'0000, 0x1'4000, addresses);
}

TEST(Table, PlacedAnywhereInTheArrayChunksLeadToTheSameRows) {
  RowAppender appender({0x1000}, {0x9000}, 0);
  for (std::uint64_t at = 0x1000; at < 0x9000; at += 16) {
    appender.append(at, rsp_row(static_cast<int>(at / 16)));
  }
  const UnwindTable table = std::move(appender).finish();
  for (const std::uint32_t first : {0U, 1U, 300U, 511U, 512U, 12345U}) {
    // The array as the BPF program sees it.
    std::vector<unwind_block> blocks((first + table.rows().size()) / UNWIND_BLOCK_ROWS + 1);
    for (std::size_t i = 0; i < table.rows().size(); ++i) {
      blocks[(first + i) / UNWIND_BLOCK_ROWS].rows[(first + i) % UNWIND_BLOCK_ROWS] = table.rows()[i];
    }
    std::vector<unwind_chunk> chunks(table.chunks().size());
    table.place(first, chunks);
    for (std::uint64_t at = 0x1000; at < 0x9000; at += 3) {
      const unwind_chunk& chunk = chunks[(at - table.start().value) >> table.chunk_shift()];
      std::uint32_t block = chunk.first_row / UNWIND_BLOCK_ROWS;
      std::uint32_t low = chunk.first_row % UNWIND_BLOCK_ROWS;
      std::uint32_t count = chunk.count;
      if (low + count > UNWIND_BLOCK_ROWS) {
        const bool second = static_cast<u16>(at) >= chunk.split;
        count = second ? count - (UNWIND_BLOCK_ROWS - low) : UNWIND_BLOCK_ROWS - low;
        low = second ? 0 : low;
        block += second ? 1 : 0;
      }
      const unwind_row* rows = blocks[block].rows;
      ASSERT_EQ(rows[unwind_find_row(rows, low, count, static_cast<u16>(at))].offset,
                static_cast<int>(at / 16))
          << at << " at " << first;
    }
  }
}

TEST(Table, NeighboursWithOneRuleAreOneRow) {
  RowAppender appender({0x1000}, {0x2000}, 0);
  appender.append(0x1000, rsp_row(1));
  appender.append(0x1010, rsp_row(1));
  appender.append(0x1020, rsp_row(2));
  appender.append(0x1020, rsp_row(1));
  appender.append(0x1030, rsp_row(3));
  EXPECT_EQ(std::move(appender).finish().rows().size(), 3U);  // with the UNWIND_NONE it begins with
}

TEST(TableBuilder, FdesInAnyOrderGiveRisingRowsAndGapsGiveNone) {
  CfiBytes cfi;
  const auto cie = cfi.cie({});
  cfi.fde(cie, 0x1800, 0x100, program({0x41, 0x0e, 16}));
  cfi.fde(cie, 0x1100, 0x23, program({}));
  cfi.fde(cie, 0x1130, 0x10, program({0x0e, 32}));
  const auto tables = tables_of(cfi.file());
  EXPECT_EQ(row_at(tables, 0x10ff).rule, UNWIND_NONE);
  EXPECT_EQ(row_at(tables, 0x1100).offset, 1);
  EXPECT_EQ(row_at(tables, 0x1128).offset, 1) << "padding up to the next function takes no row";
  EXPECT_EQ(row_at(tables, 0x1130).offset, 4);
  EXPECT_EQ(row_at(tables, 0x1140).rule, UNWIND_NONE);
  EXPECT_EQ(row_at(tables, 0x1801).offset, 2);
  EXPECT_EQ(row_at(tables, 0x1900).rule, UNWIND_NONE);
  EXPECT_EQ(tables.stats.functions, 3U);
}

TEST(TableBuilder, OfOverlappingFdesTheOneThatBeginsLaterWins) {
  CfiBytes cfi;
  const auto cie = cfi.cie({});
  cfi.fde(cie, 0x1100, 0x100, program({}));
  cfi.fde(cie, 0x1180, 0x20, program({0x0e, 32}));
  cfi.fde(cie, 0x1180, 0x40, program({0x0e, 64}));
  const auto tables = tables_of(cfi.file());
  EXPECT_EQ(row_at(tables, 0x117f).offset, 1);
  EXPECT_EQ(row_at(tables, 0x1180).offset, 4);
  EXPECT_EQ(row_at(tables, 0x11a0).rule, UNWIND_NONE);
  EXPECT_EQ(tables.stats.overlapping, 2U);
}

TEST(TableBuilder, FdesOutsideTheSegmentAreCountedAndDropped) {
  CfiBytes cfi;
  const auto cie = cfi.cie({});
  cfi.fde(cie, 0x5000, 0x10, {});
  cfi.fde(cie, 0xfff, 0x10, {});
  cfi.fde(cie, 0x1ff8, 0x10, {});
  cfi.fde(cie, 0x1000, ~std::uint64_t{0}, {});
  cfi.fde(cie, 0, 0x2000, {});
  const auto tables = tables_of(cfi.file());
  ASSERT_EQ(tables.segments.size(), 1U);
  EXPECT_EQ(tables.segments[0].rows().size(), 1U);
  EXPECT_EQ(tables.stats.outside_segments, 4U);
}

TEST(TableBuilder, BehindAnInstructionThatCannotBeTheRestIsUnsupported) {
  CfiBytes cfi;
  cfi.fde(cfi.cie({}), 0x1000, 0x100, program({0x41, 0x0e, 16, 0x41, 0x3f}));
  const auto tables = tables_of(cfi.file());
  EXPECT_EQ(row_at(tables, 0x1001).offset, 2);
  EXPECT_EQ(row_at(tables, 0x1002).rule, UNWIND_UNSUPPORTED);
  EXPECT_EQ(row_at(tables, 0x10ff).rule, UNWIND_UNSUPPORTED);
  EXPECT_EQ(tables.stats.malformed, 1U);
}

TEST(TableBuilder, DebugFrameFillsWhatEhFrameLacksAndNoMore) {
  CfiBytes eh;
  eh.fde(eh.cie({}), 0x1100, 0x100, program({}));
  CfiBytes debug(CfiKind::kDebugFrame);
  const auto cie = debug.cie({});
  debug.fde(cie, 0x1080, 0x100, program({0x0e, 32}));
  debug.fde(cie, 0x1180, 0x100, program({0x0e, 48}));
  debug.fde(cie, 0x1300, 0x100, program({0x0e, 64}));
  MadeElf made = eh.file();
  made.sections.push_back(debug.file().sections[0]);
  const auto tables = tables_of(made);
  EXPECT_EQ(row_at(tables, 0x1080).offset, 4);
  EXPECT_EQ(row_at(tables, 0x1100).offset, 1);
  EXPECT_EQ(row_at(tables, 0x11ff).offset, 1);
  EXPECT_EQ(row_at(tables, 0x1210).rule, UNWIND_NONE) << "an FDE that begins where another rules is not used";
  EXPECT_EQ(row_at(tables, 0x1300).offset, 8);
}

TEST(TableBuilder, TheEntryPointWithoutCfiIsARoot) {
  CfiBytes cfi;
  cfi.fde(cfi.cie({}), 0x1100, 0x100, program({}));
  MadeElf made = cfi.file();
  made.entry = 0x1040;
  const auto tables = tables_of(made);
  EXPECT_EQ(row_at(tables, 0x103f).rule, UNWIND_NONE);
  EXPECT_EQ(row_at(tables, 0x1040).rule, UNWIND_END);
  EXPECT_EQ(row_at(tables, 0x1045).rule, UNWIND_END);
}

void write(MadeElf& made, std::uint64_t address, const Bytes& code) {
  std::copy(code.begin(), code.end(),
            made.text.begin() + static_cast<std::ptrdiff_t>(address - made.text_address));
}

TEST(TableBuilder, ASignalReturnWithoutCfiIsASignalFrame) {
  MadeElf made;
  write(made, 0x1200, program({0x48, 0xc7, 0xc0, 0x0f, 0, 0, 0, 0x0f, 0x05}));
  const auto tables = tables_of(made);
  EXPECT_EQ(row_at(tables, 0x1200).rule, UNWIND_SIGNAL);
  EXPECT_EQ(row_at(tables, 0x1208).rule, UNWIND_SIGNAL);
  EXPECT_EQ(row_at(tables, 0x1209).rule, UNWIND_NONE);
}

TEST(TableBuilder, ConstantsInTheExecutableSegmentAreNotSearchedForCode) {
  const Bytes code = program({0x48, 0xc7, 0xc0, 0x0f, 0, 0, 0, 0x0f, 0x05});
  MadeElf made;
  made.sections.push_back({.name = ".text", .address = 0x1000, .flags = 6, .bytes = Bytes(0x800)});
  made.sections.push_back({.name = ".rodata", .address = 0x1800, .bytes = Bytes(0x800)});
  write(made, 0x1200, code);
  write(made, 0x1a00, code);
  const auto tables = tables_of(made);
  EXPECT_EQ(row_at(tables, 0x1200).rule, UNWIND_SIGNAL);
  EXPECT_EQ(row_at(tables, 0x1a00).rule, UNWIND_NONE);
}

TEST(TableBuilder, TheStartOfACoroutineIsARootFromTheByteBefore) {
  CfiBytes cfi;
  const auto cie = cfi.cie({});
  cfi.fde(cie, 0x1100, 0x73, program({0x0e, 64}));
  cfi.fde(cie, 0x1180, 0x1a, program({}));
  MadeElf made = cfi.file();
  write(made, 0x1180, program({0x48, 0x89, 0xdc, 0x48, 0x8b, 0x3c, 0x24, 0x48, 0x85, 0xff}));
  const auto tables = tables_of(made);
  EXPECT_EQ(row_at(tables, 0x1172).rule, UNWIND_RSP);
  EXPECT_EQ(row_at(tables, 0x117f).rule, UNWIND_END);
  EXPECT_EQ(row_at(tables, 0x1199).rule, UNWIND_END);
  EXPECT_EQ(row_at(tables, 0x119a).rule, UNWIND_NONE);
}

TEST(TableBuilder, CodeThatKeepsFramePointersGoesByThem) {
  MadeElf made;
  for (std::uint64_t at = 0x1000; at < 0x2000; at += 0x100) {
    write(made, at, program({0x55, 0x48, 0x89, 0xe5}));
  }
  EXPECT_EQ(row_at(tables_of(made), 0x1500).rule, UNWIND_FRAME_POINTER);
  EXPECT_EQ(row_at(tables_of(MadeElf{}), 0x1500).rule, UNWIND_NONE);
}

TEST(TableBuilder, TooManyRowsAreAnError) {
  CfiBytes cfi;
  cfi.fde(cfi.cie({}), 0x1000, 0x100, program({0x41, 0x0e, 16, 0x41, 0x0e, 24, 0x41, 0x0e, 32}));
  const auto bytes = cfi.file().bytes();
  const auto file = elf::ElfFile::parse(bytes, "made");
  ASSERT_TRUE(file.has_value());
  EXPECT_FALSE(build_tables(*file, {.rows = 2}).has_value());
}

}  // namespace
}  // namespace stoker::unwind::test
