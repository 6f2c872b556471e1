// Where the frame is at each instruction of code that comes without unwind information (the vDSO since Linux 5.8, musl,
// hand-written assembly), told by following sp, x29 and x30 through the instructions.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "bpf/shared/unwind_table.h"

namespace stoker::unwind::aarch64 {

// The rule that holds from an address up to the next one's; UNWIND_NONE where nothing can be said.
struct HeightRow {
  std::uint64_t address = 0;
  unwind_row row{};
};

// More code than this is not looked at: some 50 bytes of memory go with each instruction of it.
constexpr std::size_t kMostFollowedCode = std::size_t{8} << 20;

// code: of [address, address + code.size()). starts: addresses at which functions begin, as far as they are known; those
// outside the code are ignored, targets of calls are added. A function is followed from its first instruction along jumps
// and behind calls. Nothing is said of one where two paths disagree, or that returns with anything left on the stack or a
// return address that is not its own. Time is linear in the code's size.
std::vector<HeightRow> follow_stack(ByteView code, std::uint64_t address,
                                    std::span<const std::uint64_t> starts);

}  // namespace stoker::unwind::aarch64
