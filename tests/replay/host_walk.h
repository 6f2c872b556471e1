/* The BPF program's walk, compiled for the host. What the kernel's maps and helpers give it comes from the caller. */
#pragma once

#include "bpf/shared/record.h"
#include "bpf/shared/walk_maps.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The process and the maps. context is handed back; each call may come any number of times within host_walk(). */
struct HostWalkSource {
  void* context;
  /* As bpf_probe_read_user: 0 when all of it could be read. */
  int (*read_user)(void* context, void* to, u32 size, u64 from);
  /* As lookups in map_blocks (by block number), chunk_slabs and row_slabs; null: not there. */
  const struct map_block* (*map_block)(void* context, u32 block);
  const struct unwind_chunk* (*chunk)(void* context, u32 index);
  const struct unwind_block* (*rows)(void* context, u32 block);
  u64 thread_pointer; /* of the thread; x86-64: the base of fs */
};

struct HostWalked {
  u64 frames[MAX_USER_FRAMES]; /* as in a record, leaf first */
  u32 count;
  u32 pending; /* not 0: the walk is left to user space, `end` means nothing */
  u32 end;     /* 0: at a root; else a STAT_cut_… */
};

/* registers: by DWARF number; x86-64: 17, aarch64: 33; pc last. thread_pointer: fs. Keeps nothing. Any thread. */
void host_walk_x86(const struct HostWalkSource* source, const u64* registers, u64 thread_pointer,
                   struct HostWalked* out);
void host_walk_arm64(const struct HostWalkSource* source, const u64* registers, u64 thread_pointer,
                     struct HostWalked* out);

#ifdef __cplusplus
}
#endif
