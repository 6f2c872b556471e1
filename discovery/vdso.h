// The kernel's vDSO: code that is in every process and in no file.
#pragma once

#include "base/bytes.h"

namespace stoker::discovery {

// The agent's own, which is the same for all 64-bit processes of the host; whole pages, mapped as long as the agent
// runs. Empty when there is none.
ByteView own_vdso();

}  // namespace stoker::discovery
