// One hand-made table; whole Go programs of several releases are compared with their DWARF in tests/e2e/symbols.
#include "symbolize/go_pclntab.h"

#include <gtest/gtest.h>

#include "tests/unit/symbolize/elf_builder.h"

namespace stoker::symbolize {
namespace {

template <typename T>
void put(std::string& out, T value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

// Layout of Go 1.20: main.f at 0x1000, 8 bytes of line 10 and 8 of line 12, then padding up to 0x1020.
std::string table_120() {
  const std::string names("\0main.f\0", 8);
  std::string units;
  put(units, std::uint32_t{0});
  const std::string files("/src/main.go\0", 13);
  // Offset 1: file 0 for 16 bytes; offset 4: line 10 (delta 11 from -1) for 8, line 12 for 8.
  const std::string values("\0\x02\x10\0\x16\x08\x04\x08\0", 9);
  std::string functions;
  put(functions, std::uint32_t{0x1000});
  put(functions, std::uint32_t{20});  // of the record below
  put(functions, std::uint32_t{0x1020});
  put(functions, std::uint32_t{0});
  put(functions, std::uint32_t{0});
  for (const std::uint32_t word : {0x1000u, 1u, 0u, 0u, 0u, 1u, 4u, 0u, 0u, 9u, 0u}) {
    put(functions, word);
  }
  std::string out;
  put(out, std::uint32_t{0xfffffff1});
  out += std::string("\0\0\x01\x08", 4);
  std::uint64_t offset = 8 + 8 * 8;
  for (const std::uint64_t word : {std::uint64_t{1}, std::uint64_t{1}, std::uint64_t{0}}) {
    put(out, word);
  }
  for (const std::string& part : {names, units, files, values, functions}) {
    put(out, offset);
    offset += part.size();
  }
  return out + names + units + files + values + functions;
}

std::optional<GoPclntab> open(const std::string& table) {
  return GoPclntab::open(ElfBuilder(0x100).section(".gopclntab", table, SHF_ALLOC, 0x10000).build());
}

TEST(GoPclntab, NamesFunctionFileAndLine) {
  const auto table = open(table_120());
  ASSERT_TRUE(table);
  std::vector<GoPclntab::Frame> frames;
  ASSERT_TRUE(table->find({0x1007}, frames));
  EXPECT_EQ(frames, (std::vector<GoPclntab::Frame>{{"main.f", "/src/main.go", 10, 9}}));
  ASSERT_TRUE(table->find({0x1008}, frames));
  EXPECT_EQ(frames[0].line, 12);
}

TEST(GoPclntab, PaddingBehindAFunctionIsNoFunction) {
  const auto table = open(table_120());
  ASSERT_TRUE(table);
  std::vector<GoPclntab::Frame> frames;
  EXPECT_FALSE(table->find({0x1010}, frames));
  EXPECT_FALSE(table->find({0x1020}, frames));
  EXPECT_FALSE(table->find({0xfff}, frames));
}

TEST(GoPclntab, EveryTruncationIsReadWithoutHarm) {
  const std::string whole = table_120();
  std::vector<GoPclntab::Frame> frames;
  for (std::size_t size = 0; size < whole.size(); ++size) {
    if (const auto table = open(whole.substr(0, size))) {
      table->find({0x1004}, frames);
      EXPECT_LE(frames.size(), 1u);
    }
  }
}

TEST(GoPclntab, FilesWithoutTheTableAreNoGoPrograms) {
  EXPECT_FALSE(GoPclntab::open(ElfBuilder().build()));
  EXPECT_FALSE(open(std::string(1000, '\xff')));
  std::string many = table_120();
  many.replace(8, 8, std::string(8, '\x7f'));  // the number of functions
  EXPECT_FALSE(open(many));
}

}  // namespace
}  // namespace stoker::symbolize
