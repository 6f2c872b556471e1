// Whole look-ups in small debug sections, made by hand so that they can be wrong in every way.
#include "symbolize/dwarf/dwarf.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/symbolize/dwarf_bytes.h"

namespace stoker::symbolize::dwarf {
namespace {

using test::Bytes;
using test::MadeElf;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

// Codes of the abbreviations below.
enum Code : std::uint64_t {
  kUnit = 1,      // low_pc, high_pc (length)
  kBareUnit,      // nothing
  kFunction,      // name, low_pc, high_pc (length)
  kAbstract,      // name, linkage_name, decl_line
  kConcrete,      // abstract_origin (ref4), low_pc, high_pc (length)
  kInlined,       // abstract_origin (ref4), low_pc, high_pc (length), call_line
  kInlinedAlone,  // the same, without children
  kFarInlined,    // abstract_origin (ref_addr), low_pc, high_pc (length), call_line
  kRangeUnit,     // ranges
  kStructure,     // name; has children
  kPartialUnit,   // nothing
  kImport,        // import (ref_addr)
  kFarConcrete,   // abstract_origin (ref_addr), low_pc, high_pc (length)
};

std::string abbreviations() {
  Bytes table;
  const auto add = [&](std::uint64_t code, std::uint64_t tag, bool children,
                       std::initializer_list<std::pair<std::uint64_t, std::uint64_t>> attributes) {
    table.uleb(code).uleb(tag).u8(children ? 1 : 0);
    for (const auto& [name, form] : attributes) {
      table.uleb(name).uleb(form);
    }
    table.u16(0);
  };
  add(kUnit, 0x11, true, {{0x11, 0x01}, {0x12, 0x06}});
  add(kBareUnit, 0x11, true, {});
  add(kFunction, 0x2e, true, {{0x03, 0x08}, {0x11, 0x01}, {0x12, 0x06}});
  add(kAbstract, 0x2e, false, {{0x03, 0x08}, {0x6e, 0x08}, {0x3b, 0x0b}});
  add(kConcrete, 0x2e, true, {{0x31, 0x13}, {0x11, 0x01}, {0x12, 0x06}});
  add(kInlined, 0x1d, true, {{0x31, 0x13}, {0x11, 0x01}, {0x12, 0x06}, {0x59, 0x0b}});
  add(kInlinedAlone, 0x1d, false, {{0x31, 0x13}, {0x11, 0x01}, {0x12, 0x06}, {0x59, 0x0b}});
  add(kFarInlined, 0x1d, false, {{0x31, 0x10}, {0x11, 0x01}, {0x12, 0x06}, {0x59, 0x0b}});
  add(kRangeUnit, 0x11, true, {{0x55, 0x17}});
  add(kStructure, 0x13, true, {{0x03, 0x08}});
  add(kPartialUnit, 0x3c, true, {});
  add(kImport, 0x3d, false, {{0x18, 0x10}});
  add(kFarConcrete, 0x2e, true, {{0x31, 0x10}, {0x11, 0x01}, {0x12, 0x06}});
  return table.u8(0).str();
}

// Header of 11 bytes: the first DIE is at 11.
constexpr std::uint64_t kFirst = 11;
Bytes unit(const Bytes& dies, unsigned version = 4) {
  return Bytes::with_length(Bytes().u16(version).u32(0).u8(8).raw(dies.str()));
}
Bytes unit_die(std::uint64_t low, std::uint64_t length) {
  return Bytes().uleb(kUnit).u64(low).u32(length);
}
Bytes function(std::string_view name, std::uint64_t low, std::uint64_t length) {
  return Bytes().uleb(kFunction).text(name).u64(low).u32(length);
}
Bytes inlined(Code code, std::uint64_t origin, std::uint64_t low, std::uint64_t length, unsigned call_line) {
  return Bytes().uleb(code).u32(origin).u64(low).u32(length).u8(call_line);
}

struct Made {
  explicit Made(const std::string& info, const std::string& ranges = {})
      : elf({{".debug_info", info}, {".debug_abbrev", abbreviations()}, {".debug_ranges", ranges}}),
        dwarf(*Dwarf::open({.main = elf.file(), .debug = elf.file(), .complain = [this](const Error& error) {
                              complaints.push_back(error.message());
                            }})) {}

  // "name:line" of each frame; the linkage name where there is one.
  std::vector<std::string> at(std::uint64_t address) {
    std::vector<Frame> frames;
    dwarf->find({address}, frames);
    std::vector<std::string> text;
    for (const Frame& frame : frames) {
      text.push_back(std::string(frame.linkage_name.empty() ? frame.name : frame.linkage_name) + ":" +
                     std::to_string(frame.line));
    }
    return text;
  }

  MadeElf elf;
  std::vector<std::string> complaints;
  std::unique_ptr<Dwarf> dwarf;
};

// main() [0x2000, 0x2100) with f inlined at line 7 into [0x2010, 0x2050), g at line 9 of f into [0x2020, 0x2030).
Bytes two_inlines() {
  Bytes dies = unit_die(0x2000, 0x100);
  const std::uint64_t f = kFirst + dies.size();
  dies.uleb(kAbstract).text("f").text("_Z1f").u8(70);
  const std::uint64_t g = kFirst + dies.size();
  dies.uleb(kAbstract).text("g").text("_Z1g").u8(90);
  dies.raw(function("main", 0x2000, 0x100).str());
  dies.raw(inlined(kInlined, f, 0x2010, 0x40, 7).str());
  dies.raw(inlined(kInlinedAlone, g, 0x2020, 0x10, 9).str());
  return dies.u8(0).u8(0).u8(0);
}

TEST(Dwarf, EachFrameHasTheLineOfTheCallItMade) {
  Made made(unit(two_inlines()).str());
  EXPECT_THAT(made.at(0x2000), ElementsAre("main:0"));
  EXPECT_THAT(made.at(0x2010), ElementsAre("_Z1f:0", "main:7"));
  EXPECT_THAT(made.at(0x2020), ElementsAre("_Z1g:0", "_Z1f:9", "main:7"));
  EXPECT_THAT(made.at(0x2030), ElementsAre("_Z1f:0", "main:7"));
  EXPECT_THAT(made.at(0x20ff), ElementsAre("main:0"));
  EXPECT_THAT(made.at(0x2100), IsEmpty());
  EXPECT_THAT(made.at(0x1fff), IsEmpty());
}

TEST(Dwarf, StartLinesAndInlinedMarksComeFromTheAbstractInstance) {
  Made made(unit(two_inlines()).str());
  std::vector<Frame> frames;
  ASSERT_TRUE(made.dwarf->find({0x2020}, frames));
  EXPECT_EQ(frames[0].start_line, 90);
  EXPECT_EQ(frames[0].name, "g");
  EXPECT_TRUE(frames[0].inlined);
  EXPECT_EQ(frames[1].start_line, 70);
  EXPECT_FALSE(frames[2].inlined);
}

TEST(Dwarf, AUnitWithoutRangesIsFoundByItsFunctions) {
  Bytes dies = Bytes().uleb(kBareUnit).raw(function("alone", 0x3000, 0x10).str());
  dies.u8(0).u8(0);
  Made made(unit(two_inlines()).raw(unit(dies).str()).str());
  EXPECT_THAT(made.at(0x3008), ElementsAre("alone:0"));
  EXPECT_THAT(made.at(0x3010), IsEmpty());
}

TEST(Dwarf, TombstonesHideNothing) {
  // Removed code that would cover 0x1000, the first of the file's, and a range list with one removed part.
  Bytes dead = unit_die(0, 0x8000).raw(function("dead", 0, 0x8000).str()).u8(0).u8(0);
  Bytes dies = Bytes().uleb(kRangeUnit).u32(0).raw(function("live", 0x1000, 0x10).str()).u8(0).u8(0);
  const std::string ranges = Bytes().u64(0).u64(0x7000).u64(0x1000).u64(0x1010).u64(0).u64(0).str();
  Made made(unit(dead).raw(unit(dies).str()).str(), ranges);
  EXPECT_THAT(made.at(0x1008), ElementsAre("live:0"));
  EXPECT_THAT(made.at(0x1010), IsEmpty());
}

TEST(Dwarf, AnOriginInAnotherUnitIsFollowed) {
  // Link-time optimisation: the abstract instance is in a unit without code.
  const Bytes early = unit(Bytes().uleb(kBareUnit).uleb(kAbstract).text("far").text("_Z3far").u8(5).u8(0));
  const std::uint64_t far = kFirst + 1;
  Bytes dies = unit_die(0x2000, 0x100).raw(function("main", 0x2000, 0x100).str());
  dies.raw(inlined(kFarInlined, far, 0x2010, 0x10, 3).str()).u8(0).u8(0);
  Made made(Bytes().raw(early.str()).raw(unit(dies).str()).str());
  EXPECT_THAT(made.at(0x2010), ElementsAre("_Z3far:0", "main:3"));
}

TEST(Dwarf, FunctionsInsideStructuresAreSeen) {
  // gcc puts a lambda's operator() into the closure's structure.
  Bytes dies = unit_die(0x2000, 0x100).uleb(kStructure).text("closure");
  dies.raw(function("operator()", 0x2000, 0x20).str()).u8(0).u8(0).u8(0);
  Made made(unit(dies).str());
  EXPECT_THAT(made.at(0x2004), ElementsAre("operator():0"));
}

TEST(Dwarf, CyclicOriginsEnd) {
  Bytes dies = unit_die(0x2000, 0x100);
  const std::uint64_t self = kFirst + dies.size();
  dies.uleb(kConcrete).u32(self).u64(0x2000).u32(0x100).u8(0).u8(0);
  Made made(unit(dies).str());
  EXPECT_THAT(made.at(0x2000), ElementsAre(":0"));
}

TEST(Dwarf, OriginsInACircleThroughTwoUnitsEnd) {
  // Each unit: its own DIE, then a function whose origin is the other unit's.
  const std::uint64_t own = unit_die(0, 0).size();
  const auto one = [&](std::uint64_t low, std::uint64_t origin) {
    return unit(unit_die(low, 0x100).uleb(kFarConcrete).u32(origin).u64(low).u32(0x100).u8(0).u8(0));
  };
  const std::uint64_t size = one(0, 0).size();
  Made made(one(0x2000, size + kFirst + own).raw(one(0x2100, kFirst + own).str()).str());
  EXPECT_THAT(made.at(0x2000), ElementsAre(":0"));
  EXPECT_THAT(made.at(0x2100), ElementsAre(":0"));
}

TEST(Dwarf, UnitsThatImportEachOtherEnd) {
  // Two partial units and the one with code, each of which imports the next; what is inlined comes from the second.
  const auto partial = [](std::uint64_t imported) {
    return unit(Bytes()
                    .uleb(kPartialUnit)
                    .uleb(kImport)
                    .u32(imported)
                    .uleb(kAbstract)
                    .text("p")
                    .text("_Z1p")
                    .u8(5)
                    .u8(0));
  };
  const std::uint64_t size = partial(0).size();
  const std::uint64_t abstract = size + kFirst + 1 + 5;
  Bytes dies = unit_die(0x2000, 0x100).uleb(kImport).u32(kFirst).raw(function("main", 0x2000, 0x100).str());
  dies.raw(inlined(kFarInlined, abstract, 0x2010, 0x10, 3).str()).u8(0).u8(0);
  Made made(partial(size + kFirst).raw(partial(2 * size + kFirst).str()).raw(unit(dies).str()).str());
  EXPECT_THAT(made.at(0x2010), ElementsAre("_Z1p:0", "main:3"));
  EXPECT_THAT(made.complaints, IsEmpty());
}

TEST(Dwarf, ChainsAreCutAtTheirMost) {
  Bytes dies = unit_die(0x2000, 0x100);
  const std::uint64_t f = kFirst + dies.size();
  dies.uleb(kAbstract).text("f").text("_Z1f").u8(70).raw(function("main", 0x2000, 0x100).str());
  for (int i = 0; i < 2000; ++i) {
    dies.raw(inlined(kInlined, f, 0x2010, 0x40, 7).str());
  }
  Made made(unit(dies).str());
  EXPECT_EQ(made.at(0x2010).size(), Dwarf::kMostFrames);
}

TEST(Dwarf, ABadUnitCostsOnlyItself) {
  const std::string good = unit(two_inlines()).str();
  const std::vector<std::string> bad = {
      unit(Bytes().uleb(99)).str(),                                      // a code that is not declared
      unit(two_inlines(), 17).str(),                                     // a version of the future
      unit(Bytes().raw(std::string(40, '\xff'))).str(),                  // LEB128 without end
      unit(unit_die(0x2000, 0xffffffff)).str(),                          // all of the address space
      unit(Bytes().uleb(kRangeUnit).u32(0xfffffff0)).str(),              // ranges past their section
      unit(unit_die(0x1000, 0x8000).uleb(kFunction).text("cut")).str(),  // a DIE cut short
  };
  for (const std::string& unit_bytes : bad) {
    Made made(unit_bytes + good);
    EXPECT_THAT(made.at(0x2020), ElementsAre("_Z1g:0", "_Z1f:9", "main:7"));
  }
}

TEST(Dwarf, AFileOfBadUnitsIsNamedOnce) {
  std::string info;
  for (int i = 0; i < 100; ++i) {
    info += unit(Bytes().uleb(99)).str() + unit(two_inlines(), 17).str();
  }
  Made made(info + unit(two_inlines()).str());
  EXPECT_THAT(made.at(0x2020), ElementsAre("_Z1g:0", "_Z1f:9", "main:7"));
  EXPECT_THAT(made.at(0x5000), IsEmpty());
  ASSERT_EQ(made.complaints.size(), 1u);
  EXPECT_THAT(made.complaints[0],
              ::testing::StartsWith("cannot read all debug data of made: a unit of an unknown"));
}

TEST(Dwarf, AGoodFileIsNotNamed) {
  Made made(unit(two_inlines()).str());
  made.at(0x2020);
  EXPECT_THAT(made.complaints, IsEmpty());
}

TEST(Dwarf, CutAnywhereTheSectionsAnswerOrDoNot) {
  const std::string whole = unit(two_inlines()).str();
  for (std::size_t size = 0; size < whole.size(); ++size) {
    Made made(whole.substr(0, size));
    EXPECT_LE(made.at(0x2020).size(), 3u);
  }
}

TEST(Dwarf, ForgettingEverythingChangesNoAnswer) {
  Made made(unit(two_inlines()).str());
  const auto before = made.at(0x2020);
  const std::uint64_t held = made.dwarf->memory_bytes();
  made.dwarf->trim(0);
  EXPECT_LT(made.dwarf->memory_bytes(), held);
  EXPECT_EQ(made.at(0x2020), before);
}

TEST(Dwarf, AFileWithoutDebugInfoIsAnError) {
  const MadeElf elf({{".debug_line", "x"}});
  const auto opened = Dwarf::open({.main = elf.file(), .debug = elf.file()});
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().why, "it has no .debug_info");
}

}  // namespace
}  // namespace stoker::symbolize::dwarf
