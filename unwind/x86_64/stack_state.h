// What is known of a function's frame at one instruction, and what instructions do to it.
#pragma once

#include <array>
#include <cstdint>

#include "bpf/shared/unwind_table.h"
#include "unwind/x86_64/instruction.h"

namespace stoker::unwind::x86_64 {

// Places count from the CFA, the caller's rsp: at a function's first instruction rsp is 8 below it.
struct StackState {
  static constexpr std::int32_t kUnknown = INT32_MIN;
  static constexpr std::size_t kPreserved =
      6;  // rbx, rbp, r12 to r15, which calls preserve (psABI figure 3.4)

  std::int32_t rsp = -8;        // rsp - CFA
  std::int32_t rbp = kUnknown;  // rbp - CFA
  std::array<std::uint16_t, kPreserved>
      slots{};                // words below the CFA where the caller's value lies; 0: nowhere
  std::uint8_t modified = 0;  // bit: the register is not the caller's any more
  bool zero_rbp = false;      // how the first function of a stack marks itself (psABI 3.4.1)
  bool root = false;          // and then it took its own return address off the stack
  bool operator==(const StackState&) const = default;

  bool known() const { return root || rsp != kUnknown || rbp != kUnknown; }
};
constexpr StackState kAtEntry{};

// Index of a register in StackState; kPreserved for others. Numbers as instructions have them.
std::size_t preserved_index(unsigned gpr);

// Changes state to that behind the instruction, but for where control goes. False: no code that keeps to the calling
// convention does this in this state, so the state is wrong or the code is of another kind.
bool apply(const Instruction& instruction, StackState& state);

// What two paths to an instruction agree on, in a. False if they disagree about where the frame is.
bool merge(StackState& a, const StackState& b);

// The row for a state, address 0. UNWIND_NONE if the state is not known().
unwind_row row_of(const StackState& state);

}  // namespace stoker::unwind::x86_64
