// Where the frame is at each instruction of code that comes without unwind information and without frame pointers (musl,
// hand-written assembly), told by following rsp through the instructions.
#pragma once

#include <span>
#include <vector>

#include "base/bytes.h"
#include "unwind/x86_64/stack_state.h"

namespace stoker::unwind::x86_64 {

// A state that holds from an address up to the next one's; one that is not known() where nothing can be said.
struct HeightRow {
  std::uint64_t address = 0;
  StackState state;
};

constexpr StackState kNothingKnown{.rsp = StackState::kUnknown};

// More code than this is not looked at: six bytes of memory go with each byte of it.
constexpr std::size_t kMostFollowedCode = std::size_t{8} << 20;

// code: of [address, address + code.size()). starts: addresses at which functions begin, as far as they are known, in
// any order; those outside the code are ignored. What is known to be a function is followed from its first instruction
// along jumps and behind calls; what is left is followed where a function or a case of a jump table may begin, and kept
// only if that leads to a return with the stack in order or to code known already.
//
// Where two paths disagree, or a function returns with anything but its return address on the stack, nothing is said of
// either. Time is linear in the code's size.
std::vector<HeightRow> follow_stack(ByteView code, std::uint64_t address,
                                    std::span<const std::uint64_t> starts);

}  // namespace stoker::unwind::x86_64
