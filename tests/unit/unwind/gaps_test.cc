// Code that no call frame information covers.
#include "unwind/gaps.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/unit/unwind/made_elf.h"
#include "unwind/table_builder.h"

namespace stoker::unwind {
namespace {

constexpr std::uint64_t kExecutable = 4;  // SHF_EXECINSTR

// push %rax; pop %rax; ret
void put_function(test::MadeElf& made, std::uint64_t address) {
  const std::array<std::byte, 3> code = {std::byte{0x50}, std::byte{0x58}, std::byte{0xc3}};
  std::ranges::copy(code, made.text.begin() + static_cast<std::ptrdiff_t>(address - made.text_address));
}

unwind_row row_at(const test::MadeElf& made, std::uint64_t address) {
  const auto bytes = made.bytes();
  const auto file = elf::ElfFile::parse(bytes, "made");
  const auto tables = build_tables(*file);
  const auto row = tables->segments.front().find({address});
  return row.value_or(unwind_row{});
}

TEST(Gaps, CodeIsFollowed) {
  test::MadeElf made;
  put_function(made, 0x1000);
  EXPECT_EQ(row_at(made, 0x1000).rule, UNWIND_RSP);
  EXPECT_EQ(row_at(made, 0x1000).offset, 1);
  EXPECT_EQ(row_at(made, 0x1001).offset, 2);
}

TEST(Gaps, DataInTheExecutableSegmentIsNoCode) {
  test::MadeElf made;
  put_function(made, 0x1000);
  put_function(made, 0x1800);
  made.sections.push_back({".text", 0x1000, 2 | kExecutable, std::vector<std::byte>(0x800)});
  EXPECT_EQ(row_at(made, 0x1001).rule, UNWIND_RSP);
  EXPECT_EQ(row_at(made, 0x1801).rule, UNWIND_NONE);
}

}  // namespace
}  // namespace stoker::unwind
