// What a case file may hold, and what is refused.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "bpf/shared/stats.h"
#include "tests/replay/walk_case.h"

namespace stoker::replay {
namespace {

constexpr std::string_view kCase = R"(stoker walk case 1
about two frames
machine x86_64
registers rax 0 rdx 0 rcx 0 rbx 0
registers rsi 0 rdi 0 rbp 0 rsp 8000
registers r8 0 r9 0 r10 0 r11 0
registers r12 0 r13 0 r14 0 r15 0
registers rip 401010
table program 1000-3000
row 1000-1020 rsp 1 0 0 0
row 2000-2010 end 0 0 0 0
mapping 401000-403000 table program 400000
readable 8000-9000
words 8000 402008
frame 401010 exact leaf
frame 402008 return _start
end root
)";

std::string with(std::string_view old_line, std::string_view new_line) {
  std::string text(kCase);
  const auto at = text.find(old_line);
  EXPECT_NE(at, std::string::npos) << old_line;
  return text.replace(at, old_line.size(), new_line);
}

TEST(CaseFormat, HoldsAStackThatBothWalkersFind) {
  const auto one = parse_case(kCase);
  ASSERT_TRUE(one.has_value()) << one.error().message();
  EXPECT_EQ(one->frames[1].name, "_start");
  EXPECT_EQ(one->truth().frames, (std::vector<std::uint64_t>{0x401010 | FRAME_EXACT, 0x402008}));
  CaseProcess process(*one);
  EXPECT_EQ(process.walk_as_bpf(one->registers), one->truth());
  EXPECT_EQ(process.walk_as_user_space(one->registers), one->truth());
}

TEST(CaseFormat, AWrongTruthIsFoundOut) {
  const auto one = parse_case(with("words 8000 402008", "words 8000 402009"));
  ASSERT_TRUE(one.has_value());
  CaseProcess process(*one);
  EXPECT_NE(process.walk_as_bpf(one->registers), one->truth());
  EXPECT_NE(process.walk_as_user_space(one->registers), one->truth());
}

TEST(CaseFormat, MemoryThatIsNotListedReadsAsAPattern) {
  const auto one = parse_case(kCase);
  ASSERT_TRUE(one.has_value());
  CaseProcess process(*one);
  std::array<std::byte, 16> bytes{};
  ASSERT_TRUE(process.read(0x8000, bytes));
  EXPECT_EQ(bytes[0], std::byte{0x08});
  EXPECT_EQ(bytes[8], std::byte{0xa5});
  EXPECT_FALSE(process.read(0x8ff8, bytes));
  EXPECT_FALSE(process.read(0x7ff8, bytes));
  EXPECT_FALSE(process.read(~std::uint64_t{0} - 3, bytes));
}

TEST(CaseFormat, WhatIsMalformedOrContradictsIsRefusedWithItsLine) {
  const std::vector<std::pair<std::string, std::string>> wrong = {
      {with("machine x86_64", "machine vax"), "line 3"},
      {with("registers rip 401010", "registers xip 401010"), "line 8"},
      {with("table program 1000-3000", "table program 3000-1000"), "line 9"},
      {with("table program 1000-3000", "table program 1000-fffffffffffff000"), "line 9"},
      {with("row 2000-2010 end", "row 2000-2010 bend"), "line 11"},
      {with("row 2000-2010 end", "row 1010-2010 end"), "line 11"},
      {with("row 2000-2010 end", "row 2000-4000 end"), "line 11"},
      {with("row 2000-2010 end 0 0 0 0", "row 2000-2010 end 0 0 0"), "line 11"},
      {with("row 2000-2010 end 0 0 0 0", "row 2000-2010 end 0 0 0 100"), "line 11"},
      {with("table program 400000", "table library 400000"), "line 12"},
      {with("readable 8000-9000", "readable 8000"), "line 13"},
      {with("readable 8000-9000", "readable 8000-8800"), "line 13"},
      {with("words 8000 402008", "words 8000 40200x"), "line 14"},
      {with("words 8000 402008", "swords 8000 402008"), "line 14"},
      {with("end root", "end stats_taken"), "line 17"},
      {with("registers rip 401010\n", ""), "registers or frames are missing"},
      {"stoker walk case 2\n", "does not begin with"},
      {"", "does not begin with"},
  };
  for (const auto& [text, message] : wrong) {
    const auto one = parse_case(text);
    ASSERT_FALSE(one.has_value()) << text;
    EXPECT_THAT(one.error().message(), testing::HasSubstr(message)) << text;
  }
}

TEST(CaseFormat, OddBytesAndWordsAreWrittenAsTheyWereRead) {
  const std::string text =
      with("words 8000 402008", "bytes 7ff3 01 02 c3\nwords 8000 402008 1\nwords 8100 5");
  const auto one = parse_case(text);
  ASSERT_TRUE(one.has_value()) << one.error().message();
  const std::string written = format_case(*one);
  EXPECT_THAT(written, testing::HasSubstr("bytes 7ff3 01 02 c3\nwords 8000 402008 1\nwords 8100 5\n"));
  EXPECT_EQ(format_case(*parse_case(written)), written);
}

// A process of as many mappings as Linux allows.
class Crowded : public HostProcess {
 public:
  static constexpr std::uint64_t kCount = 65530;
  static constexpr std::uint64_t kFirst = 0x10000000;

  Crowded() : HostProcess(elf::Machine::kX86_64) {
    std::vector<HostMapping> mappings;
    for (std::uint64_t i = 0; i < kCount; ++i) {
      mappings.push_back({kFirst + i * 0x2000, kFirst + i * 0x2000 + 0x1000, MAP_FRAME_POINTER});
    }
    set_mappings(std::move(mappings));
  }
  // At the stack's only frame lie rbp = 0 and the return address; everything else is nop.
  bool read(std::uint64_t address, std::span<std::byte> out) override {
    std::ranges::fill(out, std::byte{0x90});
    const std::array<std::uint64_t, 2> frame = {0, caller};
    for (std::size_t i = 0; i < sizeof(frame); ++i) {
      const std::uint64_t at = kStack + i - address;
      if (at < out.size()) {
        out[static_cast<std::size_t>(at)] = std::as_bytes(std::span(frame))[i];
      }
    }
    return address >= kFirst && address + out.size() <= kStack + 4096;
  }
  static constexpr std::uint64_t kStack = 0x7fff0000;
  std::uint64_t caller = 0;
};

TEST(MapTree, EachOf65530MappingsIsFoundAndTheGapsAreNot) {
  Crowded process;
  unwind::Registers registers;
  for (unsigned i = 0; i < 17; ++i) {
    registers.set(i, 0);
  }
  registers.set(6, Crowded::kStack);
  registers.set(7, Crowded::kStack - 64);
  for (std::uint64_t i = 0; i < Crowded::kCount; i += 7) {
    const std::uint64_t start = Crowded::kFirst + i * 0x2000;
    registers.set(16, start + 0x800);
    process.caller = start + 0xfff;
    ASSERT_EQ(process.walk_as_bpf(registers).end, 0) << i;
    process.caller = start + 0x1801;
    ASSERT_EQ(process.walk_as_bpf(registers).end, STAT_cut_no_mapping) << i;
  }
}

}  // namespace
}  // namespace stoker::replay
