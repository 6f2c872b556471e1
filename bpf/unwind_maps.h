/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* The kernel's side of the walk: unwind tables and mappings in maps, user memory through a helper. */
#ifndef STOKER_BPF_UNWIND_MAPS_H
#define STOKER_BPF_UNWIND_MAPS_H

#include "vmlinux.h"

#include <bpf/bpf_helpers.h>

#include "bpf/shared/walk_maps.h"

/* The forms of inner maps give sizes, not types: from 5.15 to 6.1 a map with type information and one without, as user
 * space makes them, do not count as alike. */
struct row_slab {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE); /* user space writes in place */
  __uint(key_size, sizeof(u32));
  __uint(value_size, sizeof(struct unwind_block));
  __uint(max_entries, ROW_SLAB_BLOCKS);
};

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
  __type(key, u32);
  __type(value, u32);
  __uint(max_entries, MOST_SLABS);
  __array(values, struct row_slab);
} row_slabs SEC(".maps");

struct chunk_slab {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE); /* user space writes in place */
  __uint(key_size, sizeof(u32));
  __uint(value_size, sizeof(struct unwind_chunk));
  __uint(max_entries, CHUNK_SLAB_ENTRIES);
};

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
  __type(key, u32);
  __type(value, u32);
  __uint(max_entries, MOST_SLABS);
  __array(values, struct chunk_slab);
} chunk_slabs SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, struct map_block_key);
  __type(value, struct map_block);
  __uint(max_entries, 65536);
} map_blocks SEC(".maps");

static inline int walk_read_user(void *to, u32 size, u64 from) {
  return bpf_probe_read_user(to, size, (const void *)from);
}

static inline const struct map_block *walk_map_block(u32 pid, u32 block) {
  struct map_block_key key = {.pid = pid, .block = block};
  return bpf_map_lookup_elem(&map_blocks, &key);
}

static inline const struct unwind_chunk *walk_chunk(u32 index) {
  u32 slab_number = index >> CHUNK_SLAB_BITS;
  u32 entry = index & (CHUNK_SLAB_ENTRIES - 1);
  void *slab = bpf_map_lookup_elem(&chunk_slabs, &slab_number);
  return slab ? bpf_map_lookup_elem(slab, &entry) : 0;
}

static inline const struct unwind_block *walk_rows(u32 block) {
  u32 slab_number = block >> ROW_SLAB_BLOCK_BITS;
  u32 entry = block & (ROW_SLAB_BLOCKS - 1);
  void *slab = bpf_map_lookup_elem(&row_slabs, &slab_number);
  return slab ? bpf_map_lookup_elem(slab, &entry) : 0;
}

#endif
