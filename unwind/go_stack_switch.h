// Go's assembly functions that leave the stack they were called on.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "bpf/shared/unwind_table.h"

namespace stoker::unwind {

// A row that holds from so many bytes behind the function's start on.
struct GoSwitchRow {
  std::uint32_t offset = 0;
  unwind_row row{};
};

// Rows that take the place of the frame sizes from the first one's offset to the function's end; none: the function
// stays on its stack. name: of the function, without ".abi0". code: its instructions. m_curg: offset of the field curg
// in Go's struct m (go_m_curg()), 0 if not known.
//
// Sources: Go's src/runtime/asm_amd64.s and sys_linux_amd64.s of Go 1.15 to 1.26. What Go's own profiler does is
// followed (runtime/traceback.go): systemstack, asmcgocall and morestack lead back to the goroutine, mcall is a root.
std::vector<GoSwitchRow> go_switch_rows(std::string_view name, std::string_view code, std::uint32_t m_curg);

// Offset of curg in struct m, as runtime.systemstack's instructions have it; 0 if they do not show it.
std::uint32_t go_m_curg(std::string_view systemstack_code);

}  // namespace stoker::unwind
