// Frames of aarch64 code told from its instructions, by hand and against the CFI of files.
#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <iostream>
#include <map>
#include <sstream>

#include "elf/elf_file.h"
#include "unwind/aarch64/stack_height.h"
#include "unwind/cfi.h"
#include "unwind/cfi_sources.h"
#include "unwind/table_builder.h"

namespace stoker::unwind::aarch64 {
namespace {

constexpr std::uint64_t kAddress = 0x1000;

struct Where {
  int rule = UNWIND_NONE;
  int offset = 0;
  unsigned x29 = 0;
  unsigned x30 = 0;
  bool operator==(const Where&) const = default;
};
// How gtest shows it; the name is gtest's.
void PrintTo(const Where& where, std::ostream* out) {  // NOLINT(readability-identifier-naming)
  *out << "rule " << where.rule << " offset " << where.offset << " x29 " << where.x29 << " x30 " << where.x30;
}

// In front of each instruction of one function.
std::vector<Where> followed(const std::vector<std::uint32_t>& code) {
  const std::uint64_t start = kAddress;
  std::vector<Where> all;
  for (const HeightRow& row : follow_stack(std::as_bytes(std::span(code)), kAddress, std::span(&start, 1))) {
    all.push_back({row.row.rule, row.row.offset, row.row.rbp, row.row.lr});
  }
  return all;
}

constexpr Where kEntry{UNWIND_RSP, 0, UNWIND_SAME, UNWIND_SAME};
constexpr std::uint32_t kReturn = 0xd65f03c0;

TEST(Aarch64StackHeight, AFrameIsFollowedFromItsMakingToItsEnd) {
  const Where saved{UNWIND_RSP, 4, 4, 3};
  const Where larger{UNWIND_RSP, 6, 4, 3};
  EXPECT_EQ(followed({0xd503233f,  // paciasp
                      0xa9be7bfd,  // stp x29, x30, [sp, #-32]!
                      0x910003fd,  // mov x29, sp
                      0xd10043ff,  // sub sp, sp, #16
                      0x94000100,  // bl
                      0x910043ff,  // add sp, sp, #16
                      0xa8c27bfd,  // ldp x29, x30, [sp], #32
                      0xd50323bf,  // autiasp
                      kReturn}),
            (std::vector<Where>{kEntry, kEntry, saved, saved, larger, larger, saved, kEntry, kEntry}));
}

TEST(Aarch64StackHeight, AFrameOfASizeThatOnlyTheProgramKnowsGoesByX29) {
  const Where saved{UNWIND_RSP, 2, 2, 1};
  const Where by_x29{UNWIND_RBP, 2, 2, 1};
  EXPECT_EQ(followed({0xa9bf7bfd,  // stp x29, x30, [sp, #-16]!
                      0x910003fd,  // mov x29, sp
                      0xcb2063ff,  // sub sp, sp, x0
                      0xd503201f,  // nop
                      0x910003bf,  // mov sp, x29
                      0xa8c17bfd,  // ldp x29, x30, [sp], #16
                      kReturn}),
            (std::vector<Where>{kEntry, saved, saved, by_x29, by_x29, saved, kEntry}));
}

TEST(Aarch64StackHeight, BranchesLeadToTheRestOfTheFunction) {
  const Where saved{UNWIND_RSP, 2, UNWIND_SAME, 2};
  EXPECT_EQ(followed({0xb4000080,  // cbz x0, to the second return
                      0xf81f0ffe,  // str x30, [sp, #-16]!
                      0xf84107fe,  // ldr x30, [sp], #16
                      kReturn, kReturn}),
            (std::vector<Where>{kEntry, kEntry, saved, kEntry, kEntry}));
}

TEST(Aarch64StackHeight, AGoFunctionThatMakesItsStackLargerBeginsAgain) {
  const Where saved{UNWIND_RSP, 4, UNWIND_SAME, 4};
  const Where with_x29{UNWIND_RSP, 4, 5, 4};
  const std::vector<Where> rows = followed({0xf9400b90,    // ldr x16, [x28, #16]
                                            0xeb3063ff,    // cmp sp, x16
                                            0x54000109,    // b.ls, to the mov below
                                            0xf81e0ffe,    // str x30, [sp, #-32]!
                                            0xf81f83fd,    // stur x29, [sp, #-8]
                                            0xd10023fd,    // sub x29, sp, #8
                                            0x94000100,    // bl
                                            0xf85f83fd,    // ldur x29, [sp, #-8]
                                            0xf84207fe,    // ldr x30, [sp], #32
                                            kReturn,       //
                                            0xaa1e03e3,    // mov x3, x30
                                            0x94000200,    // bl runtime.morestack_noctxt
                                            0x17fffff4});  // b, to the first instruction
  ASSERT_EQ(rows.size(), 13U);
  EXPECT_EQ(rows[2], kEntry);
  EXPECT_EQ(rows[4], saved);
  EXPECT_EQ(rows[6], with_x29);
  EXPECT_EQ(rows[8], saved);
  EXPECT_EQ(rows[9], kEntry);
  EXPECT_EQ(rows[10], kEntry);
  EXPECT_EQ(rows[12], Where{}) << "x30 has been used";
}

TEST(Aarch64StackHeight, NothingIsSaidOfWhatDoesNotReturnInOrder) {
  const std::vector<Where> nothing(2);
  EXPECT_EQ(followed({0xd10043ff, kReturn}), nothing) << "something is left on the stack";
  EXPECT_EQ(followed({0x94000100, kReturn}), nothing) << "x30 was lost by the call";
  EXPECT_EQ(followed({0xd61f0200, kReturn})[1], Where{}) << "nothing leads there";
}

TEST(Aarch64StackHeight, PathsThatDisagreeSayNothing) {
  EXPECT_EQ(followed({0xb4000040,  // cbz x0, to the return
                      0xd10043ff,  // sub sp, sp, #16
                      kReturn})[0],
            Where{});
}

// Files whose CFI is compared, separated by colons: no machine but aarch64's has any.
std::vector<std::string> files() {
  const char* const given = std::getenv("STOKER_AARCH64_FILES");
  std::vector<std::string> all;
  std::istringstream list(given != nullptr ? given : "");
  for (std::string file; std::getline(list, file, ':');) {
    all.push_back(file);
  }
  return all;
}

TEST(Aarch64StackHeight, EqualsTheCfiOfFilesWhereItSaysAnything) {
  if (files().empty()) {
    GTEST_SKIP() << "STOKER_AARCH64_FILES names none";
  }
  for (const std::string& path : files()) {
    const auto file = elf::ElfFile::open(path);
    ASSERT_TRUE(file.has_value()) << path;
    const auto tables = build_tables(*file);
    ASSERT_TRUE(tables.has_value()) << path;
    std::map<std::uint64_t, std::uint64_t> functions;
    CfiReader reader(find_cfi(*file).eh_frame);
    while (const auto fde = reader.next()) {
      functions[fde->start.value] = fde->start.value + fde->size;
    }
    std::uint64_t told = 0;
    std::uint64_t differ = 0;
    std::uint64_t all = 0;
    for (const elf::Segment& segment : file->executable_segments()) {
      std::vector<std::uint64_t> starts;
      for (const auto& [start, end] : functions) {
        starts.push_back(start);
      }
      const ByteView code = slice(file->bytes(), segment.offset.value, segment.size);
      for (const HeightRow& row : follow_stack(code, segment.address.value, starts)) {
        const auto function = functions.upper_bound(row.address);
        const bool covered = function != functions.begin() && row.address < std::prev(function)->second;
        const UnwindTable* const table = tables->find({row.address});
        const auto truth = table != nullptr ? table->find({row.address}) : std::nullopt;
        if (!covered || !truth || (truth->rule != UNWIND_RSP && truth->rule != UNWIND_RBP)) {
          continue;
        }
        ++all;
        if (row.row.rule == UNWIND_NONE) {
          continue;
        }
        ++told;
        // x29 may still have its old value where CFI already says that it is saved, and the frame be counted from either.
        const bool same = row.row.rule != truth->rule || row.row.offset == truth->offset;
        // Once x30 is loaded again, both its slot and the register have the return address.
        const bool same_return =
            row.row.lr == truth->lr || row.row.lr == UNWIND_SAME || (truth->flags & UNWIND_PAIR) != 0;
        if (!same || !same_return) {
          ++differ;
          if (differ <= 10) {
            std::cout << std::hex << row.address << std::dec << ": rule " << int{row.row.rule} << " offset "
                      << row.row.offset << " x30 " << int{row.row.lr} << ", CFI " << int{truth->rule} << " "
                      << truth->offset << " " << int{truth->lr} << "\n";
          }
        }
      }
    }
    std::cout << path << ": of " << all << " instructions " << told << " told, " << differ << " differ\n";
    EXPECT_LE(differ * 1000, told) << path;
    EXPECT_GT(told * 10, all * 5) << path;
  }
}

}  // namespace
}  // namespace stoker::unwind::aarch64
