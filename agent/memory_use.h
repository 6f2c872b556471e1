// How this process asks for memory and gives it back: glibc's defaults keep every peak resident.
#pragma once

namespace stoker::agent {

// Once, before the first thread is started.
void keep_memory_small();

// After work that took much at once: pages of freed memory go back to the kernel. A millisecond or less.
void give_back_memory();

}  // namespace stoker::agent
