#include "agent/memory_use.h"

#include <malloc.h>

namespace stoker::agent {
namespace {

// Larger blocks are mapped on their own and unmapped when freed. Unless it is set, this limit grows up to 32 MiB with
// the largest block that was ever freed; from then on tables and buffers of many megabytes leave holes in the heap.
constexpr int kOwnMapping = 128 << 10;

// Every thread would get an arena of its own, whose free memory no other can use.
constexpr int kArenas = 2;

}  // namespace

void keep_memory_small() {
  ::mallopt(M_MMAP_THRESHOLD, kOwnMapping);
  ::mallopt(M_TRIM_THRESHOLD, kOwnMapping);
  ::mallopt(M_ARENA_MAX, kArenas);
}

void give_back_memory() {
  ::malloc_trim(0);
}

}  // namespace stoker::agent
