#include "symbolize/symbol_index.h"

#include <gtest/gtest.h>

#include "tests/unit/symbolize/elf_builder.h"

namespace stoker::symbolize {
namespace {

SymbolIndex index_of(const ElfBuilder& builder) {
  const auto file = builder.build();
  return SymbolIndex(
      file, {SymbolTable::read(file, TableKind::kDynsym), SymbolTable::read(file, TableKind::kSymtab)});
}

std::string name_at(const SymbolIndex& index, std::uint64_t address) {
  const auto found = index.find({address});
  return found ? std::string(found->name) : "-";
}

TEST(SymbolIndex, CoversFromTheFirstByteToTheLastAndNoFurther) {
  const auto index = index_of(ElfBuilder().symbols({{"f", 0x1100, 0x20}}));
  EXPECT_EQ(name_at(index, 0x10ff), "-");
  EXPECT_EQ(name_at(index, 0x1100), "f");
  EXPECT_EQ(name_at(index, 0x111f), "f");
  EXPECT_EQ(name_at(index, 0x1120), "-");
}

TEST(SymbolIndex, UnsortedTableIsSorted) {
  const auto index =
      index_of(ElfBuilder().symbols({{"c", 0x1300, 16}, {"a", 0x1100, 16}, {"b", 0x1200, 16}}));
  EXPECT_EQ(name_at(index, 0x1108), "a");
  EXPECT_EQ(name_at(index, 0x1208), "b");
  EXPECT_EQ(name_at(index, 0x1308), "c");
}

TEST(SymbolIndex, NestedSymbolIsInnermostAndTheEnclosingOneResumesAfterIt) {
  const auto index = index_of(ElfBuilder().symbols(
      {{"outer", 0x1100, 0x100}, {"inner", 0x1140, 0x20}, {"innermost", 0x1148, 8}, {"next", 0x1200, 8}}));
  EXPECT_EQ(name_at(index, 0x113f), "outer");
  EXPECT_EQ(name_at(index, 0x1140), "inner");
  EXPECT_EQ(name_at(index, 0x1148), "innermost");
  EXPECT_EQ(name_at(index, 0x1150), "inner");
  EXPECT_EQ(name_at(index, 0x1160), "outer");
  EXPECT_EQ(name_at(index, 0x11ff), "outer");
  EXPECT_EQ(name_at(index, 0x1200), "next");
  EXPECT_EQ(name_at(index, 0x1208), "-");
}

TEST(SymbolIndex, ShorterSymbolAtTheSameStartIsTheInnerOne) {
  const auto index = index_of(ElfBuilder().symbols({{"whole", 0x1100, 0x40}, {"head", 0x1100, 0x10}}));
  EXPECT_EQ(name_at(index, 0x1100), "head");
  EXPECT_EQ(name_at(index, 0x1110), "whole");
}

TEST(SymbolIndex, SymbolWithoutSizeRunsToTheNextSymbol) {
  const auto index =
      index_of(ElfBuilder().symbols({{"asm_entry", 0x1100, 0, STT_NOTYPE}, {"next", 0x1180, 16}}));
  EXPECT_EQ(name_at(index, 0x117f), "asm_entry");
  EXPECT_EQ(name_at(index, 0x1180), "next");
}

TEST(SymbolIndex, SymbolWithoutSizeEndsWithItsSection) {
  const auto index = index_of(ElfBuilder(0x100)
                                  .section(".plt", std::string(64, '\0'), SHF_ALLOC | SHF_EXECINSTR, 0x1100)
                                  .symbols({{"_init", 0x10f0, 0}}));
  EXPECT_EQ(name_at(index, 0x10ff), "_init");
  EXPECT_EQ(name_at(index, 0x1100), "-");
  EXPECT_EQ(name_at(index, std::uint64_t{1} << 40), "-");
}

TEST(SymbolIndex, LabelInsideASizedFunctionSaysNothing) {
  const auto index = index_of(ElfBuilder().symbols({{"f", 0x1100, 0x40}, {"label", 0x1110, 0, STT_NOTYPE}}));
  EXPECT_EQ(name_at(index, 0x1118), "f");
}

TEST(SymbolIndex, DataAndMappingAndUndefinedSymbolsAreNotCode) {
  const auto index = index_of(ElfBuilder()
                                  .section(".data", std::string(64, '\0'), SHF_ALLOC | SHF_WRITE, 0x3000)
                                  .symbols({{"table", 0x1100, 16, STT_OBJECT},
                                            {"$x", 0x1200, 0, STT_NOTYPE, STB_LOCAL},
                                            {"$d.7", 0x1210, 0, STT_NOTYPE, STB_LOCAL},
                                            {"import", 0x1220, 16, STT_FUNC, STB_GLOBAL, SHN_UNDEF},
                                            {"in_data", 0x3000, 16, STT_NOTYPE, STB_GLOBAL, 2},
                                            {"absolute", 0x1230, 16, STT_NOTYPE, STB_GLOBAL, SHN_ABS},
                                            {"resolver", 0x1300, 16, STT_GNU_IFUNC}}));
  EXPECT_EQ(index.size(), 1u);
  EXPECT_EQ(name_at(index, 0x1300), "resolver");
}

TEST(SymbolIndex, ExportedAliasIsPreferredThenPublicThenPlain) {
  const auto index = index_of(ElfBuilder()
                                  .symbols({{"realloc", 0x1100, 16}}, SHT_DYNSYM)
                                  .symbols({{"__libc_realloc", 0x1100, 16},
                                            {"r", 0x1100, 16},
                                            {"realloc@@GLIBC_2.2.5", 0x1100, 16},
                                            {"helper", 0x1200, 16, STT_FUNC, STB_LOCAL},
                                            {"__public", 0x1200, 16},
                                            {"_x", 0x1300, 16},
                                            {"longer", 0x1300, 16},
                                            {"short", 0x1300, 16},
                                            {"other", 0x1300, 16},
                                            {"old@VERS_1", 0x1400, 16}}));
  EXPECT_EQ(name_at(index, 0x1100), "realloc");
  EXPECT_EQ(name_at(index, 0x1200), "__public");
  EXPECT_EQ(name_at(index, 0x1300), "other");
  EXPECT_EQ(name_at(index, 0x1400), "old");
}

TEST(SymbolIndex, SizePastTheSectionIsCutAtItsEnd) {
  const auto index =
      index_of(ElfBuilder(0x200).symbols({{"greedy", 0x1100, UINT64_MAX - 8}, {"next", 0x1180, 8}}));
  EXPECT_EQ(name_at(index, 0x11ff), "greedy");
  EXPECT_EQ(name_at(index, 0x1184), "next");
  EXPECT_EQ(name_at(index, 0x1200), "-");
}

TEST(SymbolIndex, NameOutsideTheStringTableIsNoSymbol) {
  std::string bytes = ElfBuilder().symbols({{"f", 0x1100, 16}}).bytes();
  // The name's text, and with it the string table's last NUL, is overwritten.
  const std::size_t at = bytes.find(std::string("\0f\0", 3));
  ASSERT_NE(at, std::string::npos);
  bytes.replace(at, 3, "xyz");
  const auto file = ElfBuilder::parse_elf(std::move(bytes));
  const SymbolIndex index(file, {SymbolTable::read(file, TableKind::kSymtab)});
  EXPECT_EQ(index.size(), 0u);
}

TEST(SymbolIndex, BiasMovesADebugFilesSymbols) {
  const auto main = ElfBuilder().build();
  const auto debug = ElfBuilder().symbols({{"f", 0x900, 16}}).build();
  const SymbolIndex index(main, {SymbolTable::read(debug, TableKind::kSymtab, 0x800)});
  EXPECT_EQ(name_at(index, 0x1108), "f");
}

TEST(SymbolIndex, CostsEightBytesASymbol) {
  std::vector<TestSymbol> symbols;
  for (std::uint64_t i = 0; i < 10000; ++i) {
    symbols.push_back({"function_" + std::to_string(i), 0x1000 + i * 16, 16});
  }
  const auto index = index_of(ElfBuilder(0x100000).symbols(symbols));
  EXPECT_EQ(index.size(), symbols.size());
  EXPECT_LE(index.memory_bytes(), symbols.size() * 8 + 1024);
  EXPECT_EQ(name_at(index, 0x1000 + 9999 * 16 + 7), "function_9999");
}

}  // namespace
}  // namespace stoker::symbolize
