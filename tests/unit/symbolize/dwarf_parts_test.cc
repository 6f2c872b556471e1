// The parts below .debug_info's tree: forms, abbreviations, intervals, package indexes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "symbolize/dwarf/abbreviations.h"
#include "symbolize/dwarf/form.h"
#include "symbolize/dwarf/interval_map.h"
#include "symbolize/dwarf/package.h"
#include "symbolize/dwarf/sections.h"
#include "tests/unit/symbolize/dwarf_bytes.h"
#include "tests/unit/symbolize/elf_builder.h"

namespace stoker::symbolize::dwarf {
namespace {

using test::Bytes;

TEST(DwarfForm, EveryFixedFormIsReadInAsManyBytesAsItsSizeSays) {
  const std::string bytes(64, '\x01');
  for (const Layout layout : {Layout{4, 5}, Layout{8, 5}, Layout{4, 2}, Layout{8, 4}}) {
    for (unsigned number = 1; number < 0x1f22; ++number) {
      const auto form = static_cast<FormCode>(number);
      const FormSize size = form_size(form, layout);
      if (size.skip != Skip::kFixed) {
        continue;
      }
      ByteReader reader(as_bytes(bytes));
      read_form(reader, form, 0, layout);
      EXPECT_TRUE(reader.ok()) << number;
      EXPECT_EQ(reader.position(), size.bytes) << number;
    }
  }
}

TEST(DwarfForm, RefAddrIsAsWideAsAnAddressInVersion2AndAnOffsetLater) {
  EXPECT_EQ(form_size(FormCode::kRefAddr, {4, 2}).bytes, 8);
  EXPECT_EQ(form_size(FormCode::kRefAddr, {4, 3}).bytes, 4);
  EXPECT_EQ(form_size(FormCode::kRefAddr, {8, 5}).bytes, 8);
}

TEST(DwarfForm, AFormThatIsNotKnownEndsTheReading) {
  const Bytes bytes = Bytes().u64(0);
  ByteReader reader(bytes.view());
  read_form(reader, static_cast<FormCode>(0x7f), 0, {});
  EXPECT_FALSE(reader.ok());
}

TEST(DwarfForm, NegativeSdataOfTenBytesIsNoError) {
  const Bytes bytes = Bytes().sleb(INT64_MIN).u8(7);
  ByteReader reader(bytes.view());
  const FormValue value = read_form(reader, FormCode::kSdata, 0, {});
  EXPECT_EQ(static_cast<std::int64_t>(value.number), INT64_MIN);
  EXPECT_EQ(reader.u8(), 7);
}

TEST(DwarfForm, IndirectReadsTheFormInFrontOfTheValueButNotAnotherIndirect) {
  const Bytes bytes = Bytes().uleb(0x05).u16(0x1234);
  ByteReader reader(bytes.view());
  EXPECT_EQ(read_form(reader, FormCode::kIndirect, 0, {}).number, 0x1234u);

  const std::string endless(1000, '\x16');
  ByteReader hostile(as_bytes(endless));
  read_form(hostile, FormCode::kIndirect, 0, {});
  EXPECT_FALSE(hostile.ok());
}

Bytes declaration(std::uint64_t code, std::uint64_t tag) {
  return Bytes().uleb(code).uleb(tag).u8(0).uleb(0x03).uleb(0x08).uleb(0).uleb(0);
}

TEST(DwarfAbbreviations, CodesAreFoundWhetherNumberedInOrderOrNot) {
  for (const std::vector<std::uint64_t>& codes :
       {std::vector<std::uint64_t>{1, 2, 3}, std::vector<std::uint64_t>{1, 900, 7},
        std::vector<std::uint64_t>{5}}) {
    Bytes bytes;
    for (const std::uint64_t code : codes) {
      bytes.raw(declaration(code, 0x100 + code).str());
    }
    bytes.u8(0);
    const Abbreviations table(bytes.view(), 0);
    for (const std::uint64_t code : codes) {
      ASSERT_TRUE(table.find(code));
      EXPECT_EQ(static_cast<std::uint64_t>(table.find(code)->tag()), 0x100 + code);
    }
    EXPECT_FALSE(table.find(0));
    EXPECT_FALSE(table.find(4));
    EXPECT_FALSE(table.find(UINT64_MAX));
  }
}

TEST(DwarfAbbreviations, ATableCutShortKeepsItsWholeDeclarations) {
  const std::string whole = declaration(1, 0x11).str() + declaration(2, 0x2e).str();
  const Abbreviations table(as_bytes(whole).first(whole.size() - 2), 0);
  EXPECT_EQ(table.count(), 1u);
}

TEST(DwarfAbbreviations, TheSearchForOneCodeStopsAtItsBudget) {
  Bytes bytes;
  for (std::uint64_t code = 1; code <= 100; ++code) {
    bytes.raw(declaration(code, 0x2e).str());
  }
  std::uint64_t budget = 1000;
  EXPECT_TRUE(find_abbreviation(bytes.view(), 0, 100, budget));
  EXPECT_LT(budget, 1000 - 600u);
  EXPECT_FALSE(find_abbreviation(bytes.view(), 0, 100, budget));
}

TEST(DwarfIntervals, TheInnermostOfNestedRangesIsFoundAndGapsAreNot) {
  const IntervalMap map({{0x1000, 0x2000, 0}, {0x1100, 0x1200, 1}, {0x1100, 0x1180, 2}, {0x3000, 0x3001, 3}});
  EXPECT_EQ(map.find(0x0fff), std::nullopt);
  EXPECT_EQ(map.find(0x1000), 0u);
  EXPECT_EQ(map.find(0x1100), 2u);
  EXPECT_EQ(map.find(0x1180), 1u);
  EXPECT_EQ(map.find(0x1200), 0u);
  EXPECT_EQ(map.find(0x2000), std::nullopt);
  EXPECT_EQ(map.find(0x3000), 3u);
  EXPECT_EQ(map.find(0x3001), std::nullopt);
}

TEST(DwarfIntervals, ARangeToTheEndOfTheAddressSpaceHidesNoOther) {
  const IntervalMap map({{0x1000, UINT64_MAX, 9}, {0x1400, 0x1500, 1}});
  EXPECT_EQ(map.find(0x1400), 1u);
  EXPECT_EQ(map.find(0x1000), std::nullopt);
}

TEST(DwarfIntervals, AgreesWithAScanOfAllRangesOnRandomOnes) {
  std::mt19937 random(7);
  for (int round = 0; round < 300; ++round) {
    std::vector<AddressRange> ranges;
    for (std::uint32_t i = 0; i < 12; ++i) {
      const std::uint64_t low = 100 + random() % 60;
      ranges.push_back({low, low + random() % 20, i});
    }
    const IntervalMap map(ranges);
    for (std::uint64_t address = 90; address < 190; ++address) {
      const AddressRange* best = nullptr;
      for (const AddressRange& range : ranges) {
        const bool holds = range.low <= address && address < range.high;
        if (holds && (best == nullptr || range.low > best->low ||
                      (range.low == best->low && range.high <= best->high))) {
          best = &range;
        }
      }
      const auto found = map.find(address);
      ASSERT_EQ(found.has_value(), best != nullptr) << address;
      if (best != nullptr) {
        ASSERT_EQ(*found, best->value) << address;
      }
    }
  }
}

// Two slots; the unit's row is in the second, whose first try is taken by another signature.
Bytes cu_index(std::uint32_t version, std::uint64_t id) {
  Bytes index;
  index.u32(version).u32(3).u32(2).u32(2);
  index.u64(id + 2).u64(id);           // signatures
  index.u32(1).u32(2);                 // rows
  index.u32(1).u32(3).u32(6);          // columns: info, abbrev, str_offsets
  index.u32(0).u32(0).u32(0);          // row 1
  index.u32(0x111).u32(0x222).u32(8);  // row 2
  for (int i = 0; i < 6; ++i) {
    index.u32(0x1000);  // sizes
  }
  return index;
}

TEST(DwarfPackage, AUnitIsFoundBehindACollisionInBothVersions) {
  for (const std::uint32_t version : {2u, 5u}) {
    const Bytes index = cu_index(version, 0x1234567800000000);
    const auto entry = find_in_package(index.view(), 0x1234567800000000);
    ASSERT_TRUE(entry);
    EXPECT_EQ(entry->info, 0x111u);
    EXPECT_EQ(entry->bases.abbreviations, 0x222u);
    EXPECT_EQ(entry->bases.str_offsets, 8u);
    EXPECT_FALSE(find_in_package(index.view(), 0x99));
  }
}

TEST(DwarfPackage, AnIndexThatIsCutOrHasImpossibleCountsAnswersNothing) {
  const std::string whole = cu_index(5, 0x1234567800000000).str();
  for (std::size_t size = 0; size < whole.size() - 24; ++size) {
    EXPECT_FALSE(find_in_package(as_bytes(whole).first(size), 0x1234567800000000)) << size;
  }
  const Bytes huge = Bytes().u32(5).u32(0xffffffff).u32(0xffffffff).u32(0x80000000).u64(0).u64(0);
  EXPECT_FALSE(find_in_package(huge.view(), 0));
}

TEST(DwarfSections, WhatCompressedOnesGrowToIsCountedInSplitFilesToo) {
  // Elf64_Chdr: zlib, the size, alignment 1.
  const auto header = [](std::uint64_t size) { return Bytes().u32(1).u32(0).u64(size).u64(1).str(); };
  const std::string old = std::string("ZLIB\0\0\0\0\0\0\x10\0", 12);
  ElfBuilder builder;
  EXPECT_EQ(inflated_bytes(*builder.build()), 0u);
  builder.section(".debug_info.dwo", header(1 << 20), SHF_COMPRESSED);
  builder.section(".debug_str", header(1 << 30), SHF_COMPRESSED);
  builder.section(".zdebug_line", old);
  builder.section(".debug_pubnames", header(1 << 25), SHF_COMPRESSED);
  EXPECT_EQ(inflated_bytes(*builder.build()), (1u << 20) + (1u << 30) + (1u << 12)) << "of what is read";
  builder.section(".debug_line", header(UINT64_MAX), SHF_COMPRESSED);
  EXPECT_EQ(inflated_bytes(*builder.build()), UINT64_MAX) << "does not wrap";
}

}  // namespace
}  // namespace stoker::symbolize::dwarf
