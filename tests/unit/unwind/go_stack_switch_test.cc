#include "unwind/go_stack_switch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace stoker::unwind {
namespace {

using std::string_view_literals::operator""sv;
using testing::ElementsAre;
using testing::IsEmpty;

MATCHER_P2(Row, offset, rule, "") {
  return arg.offset == static_cast<std::uint32_t>(offset) && arg.row.rule == rule;
}

// Instructions of go1.26, linux/amd64, less those that no rule looks at.
constexpr auto kSystemstack =
    "\x55\x48\x89\xe5"                              // push %rbp; mov %rsp,%rbp
    "\x64\x48\x8b\x04\x25\xf8\xff\xff\xff"          // mov %fs:-8,%rax
    "\x48\x8b\x62\x38"                              // mov 56(%rdx),%rsp
    "\xff\xd7"                                      // call *%rdi
    "\x48\x8b\x58\x30\x48\x8b\x83\xb8\x00\x00\x00"  // mov 48(%rax),%rbx; mov 184(%rbx),%rax
    "\x48\x8b\x60\x38"                              // mov 56(%rax),%rsp
    "\x5d\xc3"                                      // pop %rbp; ret
    "\x48\x89\xfa\x5d\xff\xe7"                      // mov %rdi,%rdx; pop %rbp; jmp *%rdi
    "\xff\xd0"sv;                                   // call *%rax

TEST(GoStackSwitch, CurgIsWhereTheInstructionsTakeItFrom) {
  EXPECT_EQ(go_m_curg(kSystemstack), 184u);
  EXPECT_EQ(go_m_curg("\x90\x90"sv), 0u);
  EXPECT_EQ(go_m_curg(kSystemstack.substr(0, kSystemstack.find("\xb8\x00\x00\x00"sv) + 2)), 0u)
      << "cut short";
  EXPECT_EQ(go_m_curg("\x48\x8b\x58\x30\x48\x8b\x83\xff\xff\xff\x7f"sv), 0u) << "too far to be a field of m";
}

TEST(GoStackSwitch, SystemstackGoesByTheFramePointerButAroundItsPushAndPops) {
  EXPECT_THAT(
      go_switch_rows("runtime.systemstack", kSystemstack, 0),
      ElementsAre(Row(0, UNWIND_RSP), Row(1, UNWIND_RSP), Row(4, UNWIND_GO_SWITCH), Row(35, UNWIND_RSP),
                  Row(36, UNWIND_GO_SWITCH), Row(40, UNWIND_RSP), Row(42, UNWIND_GO_SWITCH)));
  EXPECT_EQ(go_switch_rows("runtime.systemstack", kSystemstack, 0)[0].row.offset, 1);
  EXPECT_EQ(go_switch_rows("runtime.systemstack", kSystemstack, 0)[1].row.offset, 2);
}

TEST(GoStackSwitch, CodeThatAlignsTheStackForCGoesByTheFramePointerToo) {
  const auto code = "\x55\x48\x89\xe5\x48\x83\xec\x10\x48\x83\xe4\xf0\xff\xd0"sv;
  EXPECT_THAT(go_switch_rows("runtime.asmcgocall", code, 0),
              ElementsAre(Row(0, UNWIND_RSP), Row(1, UNWIND_RSP), Row(4, UNWIND_GO_SWITCH)));
}

TEST(GoStackSwitch, WithoutTheFramePointerItIsCutFromWhereTheStackIsLeft) {
  const auto code = "\x48\x89\xe2\x48\x8b\x66\x38\x48\x83\xe4\xf0\xff\xd0"sv;
  EXPECT_THAT(go_switch_rows("runtime.asmcgocall", code, 0), ElementsAre(Row(7, UNWIND_UNSUPPORTED)));
}

TEST(GoStackSwitch, MorestackLeadsToTheGoroutineOnceItsStackIsLeft) {
  const auto code =
      "\x64\x48\x8b\x3c\x25\xf8\xff\xff\xff"  // mov %fs:-8,%rdi
      "\x48\x8b\x63\x38"                      // mov 56(%rbx),%rsp
      "\xe8\x00\x00\x00\x00"sv;               // call newstack
  const auto rows = go_switch_rows("runtime.morestack", code, 184);
  ASSERT_THAT(rows, ElementsAre(Row(0, UNWIND_RSP), Row(13, UNWIND_GOROUTINE)));
  EXPECT_EQ(rows[1].row.offset, 23);
  EXPECT_THAT(go_switch_rows("runtime.morestack", code, 0),
              ElementsAre(Row(0, UNWIND_RSP), Row(13, UNWIND_UNSUPPORTED)));
  const auto shared =
      "\x48\x8b\x0d\x00\x00\x00\x00\x64\x48\x8b\x39\x48\x8b\x63\x38"sv;  // mov %fs:(%rcx),%rdi
  EXPECT_THAT(go_switch_rows("runtime.morestack", shared, 184),
              ElementsAre(Row(0, UNWIND_RSP), Row(15, UNWIND_UNSUPPORTED)));
}

TEST(GoStackSwitch, McallIsARootOnceItsStackIsLeft) {
  EXPECT_THAT(go_switch_rows("runtime.mcall", "\x55\x48\x89\xe5\x49\x8b\x66\x38\x50"sv, 0),
              ElementsAre(Row(8, UNWIND_END)));
}

TEST(GoStackSwitch, OrdinaryCodeHasNone) {
  EXPECT_THAT(go_switch_rows("runtime.mallocgc", "\x55\x48\x89\xe5\x48\x83\xec\x10"sv, 0), IsEmpty());
  EXPECT_THAT(go_switch_rows("runtime.mcall", ""sv, 0), IsEmpty());
}

}  // namespace
}  // namespace stoker::unwind
