// Line number programs, assembled by hand.
#include <gtest/gtest.h>

#include "symbolize/dwarf/debug_file.h"
#include "symbolize/dwarf/line_table.h"
#include "tests/unit/symbolize/dwarf_bytes.h"

namespace stoker::symbolize::dwarf {
namespace {

using test::Bytes;
using test::MadeElf;

// A header with opcode_base 10 and line_base -3, line_range 12, around `tables` and `program`.
Bytes line_section(unsigned version, const Bytes& tables, const Bytes& program,
                   std::uint64_t min_length = 1) {
  Bytes rest;
  rest.u8(min_length);
  if (version >= 4) {
    rest.u8(1);  // maximum operations
  }
  rest.u8(1).u8(static_cast<std::uint8_t>(-3)).u8(12).u8(10);
  for (const unsigned operands : {0u, 1u, 1u, 1u, 1u, 0u, 0u, 0u, 1u}) {
    rest.u8(operands);
  }
  rest.raw(tables.str());
  Bytes body;
  body.u16(version);
  if (version >= 5) {
    body.u8(8).u8(0);
  }
  body.u32(rest.size()).raw(rest.str()).raw(program.str());
  return Bytes::with_length(body);
}

Bytes old_tables() {
  return Bytes()
      .text("sub")
      .text("/abs")
      .u8(0)  // directories 1, 2
      .text("a.c")
      .uleb(0)
      .uleb(0)
      .uleb(0)
      .text("b.h")
      .uleb(1)
      .uleb(0)
      .uleb(0)  // files 1, 2
      .text("c.h")
      .uleb(2)
      .uleb(0)
      .uleb(0)
      .text("/d.h")
      .uleb(1)
      .uleb(0)
      .uleb(0)
      .text("e.h")
      .uleb(9)
      .uleb(0)
      .uleb(0)
      .u8(0);
}

Bytes new_tables() {
  Bytes tables;
  tables.u8(1).uleb(1).uleb(0x08);  // directories: path, string
  tables.uleb(3).text("/comp").text("sub").text("/comp/x/");
  tables.u8(3).uleb(1).uleb(0x08).uleb(2).uleb(0x0b).uleb(5).uleb(0x1e);  // files: path, directory, MD5
  tables.uleb(3);
  for (const auto& [name, directory] : {std::pair{"a.c", 0}, {"b.h", 1}, {"c.h", 2}}) {
    tables.text(name).u8(static_cast<std::uint64_t>(directory)).u64(1).u64(2);
  }
  return tables;
}

Bytes set_address(std::uint64_t address) {
  return Bytes().u8(0).uleb(9).u8(2).u64(address);
}
Bytes end_sequence(std::uint64_t length) {
  return Bytes().u8(2).uleb(length).u8(0).uleb(1).u8(1);
}

// Rows (0x1000, line 10), (0x1004, line 12), then up to 0x1010.
Bytes simple_program(std::uint64_t address = 0x1000) {
  return set_address(address)
      .u8(3)
      .sleb(9)
      .u8(1)                // advance_line, copy
      .u8(10 + 4 * 12 + 5)  // special: address + 4, line + 2
      .raw(end_sequence(12).str());
}

class DwarfLines : public ::testing::Test {
 protected:
  // A unit that has nothing but comp_dir "/comp" and stmt_list 0.
  LineTable table(const Bytes& lines, bool comp_dir = true) {
    Bytes abbreviations;
    abbreviations.uleb(1).uleb(0x11).u8(0).uleb(0x1b).uleb(0x08).uleb(0x10).uleb(0x17).u16(0).u8(0);
    Bytes unit;
    unit.u16(5).u8(1).u8(8).u32(0).uleb(1).text(comp_dir ? "/comp" : "").u32(0);
    elf_ =
        std::make_unique<MadeElf>(std::vector<MadeElf::Named>{{".debug_info", Bytes::with_length(unit).str()},
                                                              {".debug_abbrev", abbreviations.str()},
                                                              {".debug_line", lines.str()}});
    file_ = std::make_unique<DebugFile>(elf_->file(), false, nullptr, nullptr);
    unit_ = file_->unit(0);
    return LineTable(*unit_, CodeRanges(*elf_->file()));
  }
  std::int64_t line(const LineTable& lines, std::uint64_t address) {
    const auto row = lines.find(*unit_, address);
    return row ? static_cast<std::int64_t>(row->line) : -1;
  }

  std::unique_ptr<MadeElf> elf_;
  std::unique_ptr<DebugFile> file_;
  const Unit* unit_ = nullptr;
};

TEST_F(DwarfLines, TheRowAtOrBeforeAnAddressCoversItUntilTheSequenceEnds) {
  for (const unsigned version : {2u, 3u, 4u, 5u}) {
    const LineTable lines =
        table(line_section(version, version < 5 ? old_tables() : new_tables(), simple_program()));
    EXPECT_EQ(line(lines, 0x0fff), -1);
    EXPECT_EQ(line(lines, 0x1000), 10);
    EXPECT_EQ(line(lines, 0x1003), 10);
    EXPECT_EQ(line(lines, 0x1004), 12);
    EXPECT_EQ(line(lines, 0x100f), 12);
    EXPECT_EQ(line(lines, 0x1010), -1);
  }
}

TEST_F(DwarfLines, OldPathsJoinTheUnitsDirectoryWithRelativeOnes) {
  const LineTable lines = table(line_section(4, old_tables(), simple_program()));
  EXPECT_EQ(lines.path(*unit_, 0), "");
  EXPECT_EQ(lines.path(*unit_, 1), "/comp/a.c");
  EXPECT_EQ(lines.path(*unit_, 2), "/comp/sub/b.h");
  EXPECT_EQ(lines.path(*unit_, 3), "/abs/c.h");
  EXPECT_EQ(lines.path(*unit_, 4), "/d.h");
  EXPECT_EQ(lines.path(*unit_, 5), "/comp/e.h") << "a directory that is not in the table";
  EXPECT_EQ(lines.path(*unit_, 6), "");
}

TEST_F(DwarfLines, NewPathsTakeEntryZeroAsTheUnitsDirectoryWithoutRepeatingIt) {
  const LineTable lines = table(line_section(5, new_tables(), simple_program()));
  EXPECT_EQ(lines.path(*unit_, 0), "/comp/a.c");
  EXPECT_EQ(lines.path(*unit_, 1), "/comp/sub/b.h");
  EXPECT_EQ(lines.path(*unit_, 2), "/comp/x/c.h");
  EXPECT_EQ(lines.path(*unit_, 3), "");
}

TEST_F(DwarfLines, SequencesOfRemovedCodeAreDropped) {
  for (const std::uint64_t tombstone : {std::uint64_t{0}, std::uint64_t{1}, ~std::uint64_t{0} - 20}) {
    const Bytes program = simple_program(tombstone).raw(simple_program(0x2000).str());
    const LineTable lines = table(line_section(4, old_tables(), program));
    ASSERT_EQ(lines.sequences().size(), 1u);
    EXPECT_EQ(line(lines, 0x2004), 12);
  }
}

TEST_F(DwarfLines, ManyRowsAreFoundFromTheMarksBetweenThem) {
  Bytes program = set_address(0x1000);
  for (int i = 0; i < 1000; ++i) {
    program.u8(10 + 4 * 12 + 4);  // address + 4, line + 1
  }
  program.raw(end_sequence(4).str());
  const LineTable lines = table(line_section(4, old_tables(), program));
  for (std::uint64_t i = 0; i < 1000; ++i) {
    ASSERT_EQ(line(lines, 0x1004 + 4 * i + i % 4), static_cast<std::int64_t>(i) + 2) << i;
  }
}

TEST_F(DwarfLines, AddressesAdvanceByTheMinimumInstructionLength) {
  const LineTable lines = table(line_section(4, old_tables(), simple_program(), 4));
  EXPECT_EQ(line(lines, 0x100f), 10);
  EXPECT_EQ(line(lines, 0x1010), 12);
  EXPECT_EQ(line(lines, 0x103f), 12);
}

TEST_F(DwarfLines, OpcodesThatAreNotKnownAreSteppedOver) {
  Bytes program =
      set_address(0x1000).u8(5).uleb(300).u8(0).uleb(4).u8(0x80).u8(1).u8(2).u8(3).u8(10 + 5).u8(7).u8(6);
  program.raw(end_sequence(8).str());
  const LineTable lines = table(line_section(4, old_tables(), program));
  EXPECT_EQ(line(lines, 0x1000), 3);
}

TEST_F(DwarfLines, AProgramCutAnywhereKeepsOnlyWholeSequences) {
  const Bytes whole = line_section(5, new_tables(), simple_program(0x1000).raw(simple_program(0x2000).str()));
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const LineTable lines = table(Bytes().raw(whole.str().substr(0, size)));
    EXPECT_LE(lines.sequences().size(), 1u) << size;
    EXPECT_EQ(line(lines, 0x2000), -1) << size;
  }
}

TEST_F(DwarfLines, CountsAndLengthsPastTheSectionAreRefused) {
  const Bytes directories = Bytes().u8(1).uleb(1).uleb(0x08).uleb(std::uint64_t{1} << 63);
  EXPECT_TRUE(table(line_section(5, directories, simple_program())).sequences().empty());
  // Entries of no bytes, as many as a number can say.
  const Bytes empty = Bytes().u8(0).uleb(~std::uint64_t{0} >> 1).u8(0).uleb(0);
  EXPECT_TRUE(table(line_section(5, empty, simple_program())).sequences().empty());
  const Bytes endless = Bytes().raw(std::string(100, '\xff'));
  EXPECT_TRUE(table(line_section(5, endless, simple_program())).sequences().empty());
}

TEST_F(DwarfLines, ALineRangeOfZeroIsNoDivision) {
  Bytes section = line_section(4, old_tables(), simple_program());
  std::string bytes = section.str();
  bytes[4 + 2 + 4 + 4] = 0;
  const LineTable lines = table(Bytes().raw(bytes));
  EXPECT_EQ(line(lines, 0x1000), 10);
}

}  // namespace
}  // namespace stoker::symbolize::dwarf
