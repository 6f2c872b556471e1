/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Where the walk finds a process's mappings and a file's rows. Written by user space, read by the program. */
#ifndef STOKER_BPF_SHARED_WALK_MAPS_H
#define STOKER_BPF_SHARED_WALK_MAPS_H

#include "bpf/shared/types.h"
#include "bpf/shared/unwind_table.h"

/* Rows and chunk entries of all tables are two long arrays, cut into slabs that are made on demand: an array's memory is
 * taken whole when it is made. Row r is rows[r % 512] of block (r / 512) % SLAB_BLOCKS of slab r / 512 / SLAB_BLOCKS. */
enum {
  ROW_SLAB_BLOCKS = 256, /* 1 MiB a slab */
  ROW_SLAB_BLOCK_BITS = 8,
  CHUNK_SLAB_ENTRIES = 32768, /* 256 KiB a slab */
  CHUNK_SLAB_BITS = 15,
  MOST_SLABS = 1024,
};

enum map_kind {
  MAP_PENDING = 0,       /* its table is not loaded: the walk is left to user space */
  MAP_TABLE = 1,         /* rows tell */
  MAP_FRAME_POINTER = 2, /* no file (JIT): by frame pointer */
  MAP_INDEX = 3,   /* not a mapping: first_chunk is the number of the block that has the ones from start on */
  MAP_NONE = 4,    /* a file of which nothing is known: the stack is cut */
  MAP_NO_ROOM = 5, /* its table does not fit into the budget beside those in use: the stack is cut */
};

/* An executable mapping of a process. */
struct map_entry {
  u64 start; /* run addresses */
  u64 end;
  u64 bias;        /* elf address = run address − bias */
  u64 table_start; /* elf address of the table's first chunk */
  u32 first_chunk; /* in the array of all chunk entries */
  u32 chunks;
  u8 chunk_shift;
  u8 kind; /* enum map_kind */
  u8 reserved[6];
};
STOKER_ASSERT(sizeof(struct map_entry) == 48, "map_entry");

enum { MAP_BLOCK_ENTRIES = 64, MAP_BLOCK_BITS = 6, MAP_BLOCK_LEVELS = 3 };

struct map_block_key {
  u32 pid;
  u32 block; /* 0: the root; children are numbered by whoever writes them */
};

/* Entries sorted by start, without overlap. A process of more than 64 mappings has a tree of blocks, the inner ones'
 * entries being MAP_INDEX. */
struct map_block {
  u64 address_space; /* root block: which it describes; another one means that the process has called exec since */
  u32 count;
  u32 generation; /* root block: another one, of any process, for each time that it is written */
  u64 starts[MAP_BLOCK_ENTRIES]; /* of the entries, close together for the search */
  struct map_entry entries[MAP_BLOCK_ENTRIES];
};
STOKER_ASSERT(sizeof(struct map_block) == 16 + (8 + 48) * 64, "map_block");

/* Sets the entries of a block; count <= MAP_BLOCK_ENTRIES. */
static inline void map_block_set(struct map_block *block, const struct map_entry *entries, u32 count) {
  block->count = count;
  for (u32 i = 0; i < count && i < MAP_BLOCK_ENTRIES; i++) {
    block->starts[i] = entries[i].start;
    block->entries[i] = entries[i];
  }
}

/* Index of the last of a block's entries that starts at or below address; 0 if none does. */
static inline u32 map_block_find(const struct map_block *block, u64 address) {
  u64 at = 0;
  u64 left = block->count;
  for (u32 step = 0; step < MAP_BLOCK_BITS; step++) {
    u64 half = left >> 1;
    at += half & ~unwind_less(address, block->starts[(at + half) & (MAP_BLOCK_ENTRIES - 1)]);
    left -= half;
  }
  return (u32)at & (MAP_BLOCK_ENTRIES - 1);
}

#endif
