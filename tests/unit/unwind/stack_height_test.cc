#include "unwind/x86_64/stack_height.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "elf/elf_file.h"
#include "unwind/function_starts.h"
#include "unwind/table_builder.h"

namespace stoker::unwind::x86_64 {
namespace {

using std::string_view_literals::operator""sv;

constexpr std::int32_t kUnknown = StackState::kUnknown;

StackState state_at(const std::vector<HeightRow>& rows, std::uint64_t address) {
  const auto next = std::ranges::upper_bound(rows, address, {}, &HeightRow::address);
  return next == rows.begin() ? kNothingKnown : std::prev(next)->state;
}

struct Comparison {
  std::uint64_t instructions = 0;  // that CFI has one of the two usual rules for
  std::uint64_t told = 0;
  std::uint64_t differ = 0;
  std::string differences;  // the first of them
};

bool moves_stack(const Instruction& in) {
  const bool one_byte = in.map == Instruction::kOneByte && !in.vector_prefix;
  return one_byte && ((in.opcode & 0xf8) == 0x50 ||
                      ((in.opcode == 0x81 || in.opcode == 0x83) && in.mod == 3 && in.rm == kSp));
}

// Some assembly of glibc (long numbers) and OpenSSL (ChaCha20) makes frames and has no CFI for that, and some of
// OpenSSL's does not say that the frame is gone at a return: where CFI contradicts the code, it is not to be believed.
class StandingCfi {
 public:
  // Whether the rule stayed at a function's first one although the stack has moved since, or a frame is left at a return.
  bool seen(const std::optional<Instruction>& instruction, const unwind_row& row) {
    if (row.rule != UNWIND_RSP || row.offset != 1) {
      moved_ = false;
    }
    const bool returns = instruction && flow_of(*instruction) == Flow::kReturn;
    const bool stands = moved_ || (returns && (row.rule != UNWIND_RSP || row.offset != 1));
    if (instruction && moves_stack(*instruction)) {
      moved_ = row.rule == UNWIND_RSP && row.offset == 1;
    }
    if (returns) {
      moved_ = false;
    }
    return stands;
  }

 private:
  bool moved_ = false;
};

void compare(std::uint64_t address, const unwind_row& truth, const StackState& told, Comparison& result) {
  const std::int32_t place = truth.rule == UNWIND_RSP ? told.rsp : told.rbp;
  if (place == kUnknown && !told.root) {
    return;  // told from the other register
  }
  const unwind_row row = row_of(told);
  // Compilers leave the rule in place when the register has been popped: both serve.
  const bool popped = row.rbp == UNWIND_SAME && told.rsp > -8 * truth.rbp;
  const bool same_rbp = row.rbp == truth.rbp || row.rbp == UNWIND_LOST || truth.rbp == UNWIND_LOST || popped;
  if (place == -8 * truth.offset && same_rbp && !told.root) {
    return;
  }
  constexpr std::uint64_t kShown = 20;
  if (++result.differ <= kShown) {
    result.differences += fmt::format("{:#x}: rsp {} rbp {} slot {}; CFI rule {} {} slot {}\n", address,
                                      told.rsp, told.rbp, row.rbp, truth.rule, truth.offset, truth.rbp);
  }
}

// The rows that a file's own tables have for its instructions, and what is told of the code with them hidden.
Comparison compare_with_cfi(const elf::ElfFile& file, const elf::Section& text) {
  Comparison result;
  const auto tables = build_tables(file);
  const std::uint64_t start = text.address.value;
  const UnwindTable* table = tables ? tables->find({start}) : nullptr;
  if (table == nullptr) {
    return result;
  }
  const ByteView code = file.raw(text);
  const auto rows = follow_stack(
      code, start, FunctionStarts(file, start, start + code.size()).in(start, start + code.size()));
  StandingCfi standing;
  for (std::size_t at = 0; at < code.size();) {
    const std::uint64_t here = start + at;
    const auto instruction = decode(code.subspan(at));
    const unwind_row truth = *table->find({here});
    const StackState told = state_at(rows, here);
    at += instruction ? instruction->length : 1;
    const bool usual = truth.rule == UNWIND_RSP || truth.rule == UNWIND_RBP;
    if (standing.seen(instruction, truth) || !usual || (instruction && instruction->is_padding())) {
      continue;
    }
    ++result.instructions;
    if (told.known()) {
      ++result.told;
      compare(here, truth, told, result);
    }
  }
  return result;
}

class HiddenCfi : public testing::TestWithParam<std::string> {};

TEST_P(HiddenCfi, NothingThatIsToldDiffersFromIt) {
  if (!std::filesystem::exists(GetParam())) {
    GTEST_SKIP() << "needs " << GetParam();
  }
  const auto file = elf::ElfFile::open(GetParam());
  ASSERT_TRUE(file);
  const elf::Section* text = file->find_section(".text");
  ASSERT_NE(text, nullptr);
  const Comparison result = compare_with_cfi(*file, *text);
  RecordProperty("told", fmt::format("{} of {}", result.told, result.instructions));
  EXPECT_EQ(result.differ, 0u) << result.differences;
  EXPECT_GE(result.told, result.instructions * 80 / 100) << result.instructions;
}

INSTANTIATE_TEST_SUITE_P(Files, HiddenCfi,
                         testing::Values("/lib/x86_64-linux-gnu/libc.so.6",
                                         "/usr/lib/x86_64-linux-gnu/libstdc++.so.6",
                                         "/usr/lib/x86_64-linux-gnu/libcrypto.so.3", "/usr/bin/python3"));

TEST(StackHeight, MuslsCodeHasRowsNearlyEverywhere) {
  const auto file = elf::ElfFile::open("/lib/ld-musl-x86_64.so.1");
  if (!file) {
    GTEST_SKIP() << "needs musl";
  }
  const auto tables = build_tables(*file);
  ASSERT_TRUE(tables);
  const elf::Section* text = file->find_section(".text");
  ASSERT_NE(text, nullptr);
  const ByteView code = file->raw(*text);
  std::uint64_t instructions = 0;
  std::uint64_t told = 0;
  for (std::size_t at = 0; at < code.size();) {
    const auto instruction = decode(code.subspan(at));
    const auto row = tables->find(text->address)->find({text->address.value + at});
    at += instruction ? instruction->length : 1;
    if (!instruction || !instruction->is_padding()) {
      ++instructions;
      told += row && row->rule != UNWIND_NONE ? 1 : 0;
    }
  }
  RecordProperty("told", fmt::format("{} of {}", told, instructions));
  EXPECT_GE(told, instructions * 90 / 100) << instructions;
}

std::vector<HeightRow> rows_of(std::string_view code, std::vector<std::uint64_t> starts = {0}) {
  return follow_stack(std::as_bytes(std::span(code)), 0, starts);
}

TEST(StackHeight, APushIsOneWordAndAReturnEndsTheFunction) {
  // push %rbp; sub $16,%rsp; call outside; add $16,%rsp; pop %rbp; ret
  const auto rows = rows_of("\x55\x48\x83\xec\x10\xe8\x00\x10\x00\x00\x48\x83\xc4\x10\x5d\xc3"sv);
  EXPECT_EQ(state_at(rows, 0).rsp, -8);
  EXPECT_EQ(state_at(rows, 1).rsp, -16);
  EXPECT_EQ(state_at(rows, 5).rsp, -32);
  EXPECT_EQ(state_at(rows, 10).rsp, -32);
  EXPECT_EQ(row_of(state_at(rows, 10)).rbp, 2);
  EXPECT_EQ(state_at(rows, 14).rsp, -16);
  EXPECT_EQ(state_at(rows, 15).rsp, -8);
  EXPECT_EQ(row_of(state_at(rows, 15)).rbp, UNWIND_SAME);
}

TEST(StackHeight, PathsThatDisagreeSayNothing) {
  // je 1f; push %rax; 1: ret
  const auto rows = rows_of("\x74\x01\x50\xc3"sv);
  EXPECT_FALSE(state_at(rows, 3).known());
}

TEST(StackHeight, AnAllocaGoesByRbp) {
  // push %rbp; mov %rsp,%rbp; sub %rax,%rsp; nop; leave; ret
  const auto rows = rows_of("\x55\x48\x89\xe5\x48\x29\xc4\x90\xc9\xc3"sv);
  EXPECT_EQ(state_at(rows, 7).rsp, kUnknown);
  EXPECT_EQ(row_of(state_at(rows, 7)).rule, UNWIND_RBP);
  EXPECT_EQ(row_of(state_at(rows, 7)).offset, 2);
  EXPECT_EQ(row_of(state_at(rows, 9)).rule, UNWIND_RSP);
  EXPECT_EQ(row_of(state_at(rows, 9)).offset, 1);
}

TEST(StackHeight, AnUnknownRegisterAsStackPointerSaysNothing) {
  // mov %rdi,%rsp; ret
  EXPECT_FALSE(state_at(rows_of("\x48\x89\xfc\xc3"sv), 3).known());
}

TEST(StackHeight, AFunctionThatZeroesRbpAndPopsItsReturnAddressIsARoot) {
  // xor %ebp,%ebp; pop %rdi; call *%r9; hlt
  const auto rows = rows_of("\x31\xed\x5f\x41\xff\xd1\xf4"sv);
  EXPECT_EQ(row_of(state_at(rows, 3)).rule, UNWIND_END);
}

TEST(StackHeight, AFunctionThatNeverReturnsIsOneIfItsAddressIsTaken) {
  // lea 1f(%rip),%rax; jmp *%rax; padding; 1: push %rbx; call *%rsi; ud2
  const std::string_view code =
      "\x48\x8d\x05\x09\x00\x00\x00\xff\xe0\x0f\x1f\x80\x00\x00\x00\x00"
      "\x53\xff\xd6\x0f\x0b"sv;
  EXPECT_EQ(state_at(rows_of(code), 17).rsp, -16);
  std::string untaken(code);
  untaken[1] = '\x8b';  // mov
  EXPECT_FALSE(state_at(rows_of(untaken), 17).known());
}

TEST(StackHeight, ACaseOfAJumpTableHasTheStackOfItsJump) {
  // push %rbx; jmp *%rax; pop %rbx; ret
  const auto rows = rows_of("\x53\xff\xe0\x5b\xc3"sv);
  EXPECT_EQ(state_at(rows, 3).rsp, -16);
  EXPECT_EQ(state_at(rows, 4).rsp, -8);
}

}  // namespace
}  // namespace stoker::unwind::x86_64
