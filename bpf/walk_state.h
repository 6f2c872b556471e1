/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * What a walk of a user stack knows at each frame: registers, where callers' registers lie, the stack's memory at hand, the
 * mapping and the row in force. The same for all machines.
 *
 * Plain C that also compiles for the host (bpf/walk.h tells how).
 */
#ifndef STOKER_BPF_WALK_STATE_H
#define STOKER_BPF_WALK_STATE_H

#include "bpf/shared/record.h"
#include "bpf/shared/stats.h"
#include "bpf/shared/unwind_table.h"
#include "bpf/shared/walk_maps.h"

enum {
  WINDOW_SIZE = 1024,
  FIRST_WINDOW_SIZE = 512, /* most stacks end or jump after few frames */
  WINDOW_BELOW = 64, /* kept below the address that is asked for: the slots of saved registers lie under it */
  WALK_SAVED = 64,   /* rows remembered; a power of two */
  LEAF_CODE_ROOM = 32,
  WALK_RUN = 8, /* frames in one call of walk_run(): as many as the verifier follows cheaply */
};

#if defined(WALK_ARM64)
enum { REG_COUNT = 32 }; /* x0-x30 and sp by DWARF number (AADWARF64 §4.1) */
#else
enum { REG_COUNT = 16 }; /* psABI figure 3.36 */
#endif

enum walk_result {
  WALK_GOES_ON = 0,
  WALK_ENDS = 1,    /* walk.end tells how: 0 at a root, else a STAT_cut_… */
  WALK_PENDING = 2, /* a table is missing: to be walked in user space */
  WALK_RARE = 3,    /* walk_run() only: the frame at hand wants walk_step() */
};

/* A row that says where rbx or r12-r15 of the caller lie. */
struct walk_saved {
  u64 row;
  u64 base; /* the slots count down from here */
};

/* What every frame uses comes first: a sample finds all of this cold. */
struct walk {
  u64 pc;
  u32 exact;       /* pc is of the instruction that runs next, not a return address */
  u32 taken;       /* frames so far */
  u32 known;       /* bit n: regs[n] holds; of rbx and r12-r15, unless a remembered row has another value */
  u32 saved_count; /* rows remembered since the start or the last signal frame */
  u64 window_start;
  u32 window_size;
  u32 pid;
  u32 generation; /* of the process's mappings: the two below hold for this pid and generation */
  u32 end;
  struct map_entry mapping; /* of the frame before */
  u64 regs[REG_COUNT];
  u64 row; /* struct unwind_row in force, as one word */
  u64 cfa;
  u64 thread_pointer;     /* x86-64: the base of fs */
  u64 value;              /* what walk_find_saved() found */
  struct map_entry other; /* the one before that: calls go back and forth between two files */
  struct walk_saved saved[WALK_SAVED];
  u8 code[LEAF_CODE_ROOM];
  u8 window[WINDOW_SIZE];
};

#if defined(__bpf__)
#define WALK_PART __attribute__((noinline))
#else
#define WALK_PART static __attribute__((noinline, unused))
#endif
#define WALK_INLINE static inline __attribute__((always_inline))

static inline enum walk_result walk_cut(struct walk *w, u32 reason) {
  w->end = reason;
  return WALK_ENDS;
}

/* Reads the window around address. Returns 0 when at least the word at address is in it. */
WALK_PART int walk_fill_window(u64 address) {
  struct walk *w = walk_state();
  if (!w) {
    return -1;
  }
  u64 start = (address & ~7ull) - WINDOW_BELOW;
  u32 first_size = w->taken == 0 ? FIRST_WINDOW_SIZE : WINDOW_SIZE;
  w->window_start = start;
  w->window_size = first_size;
  if (walk_read_user(w->window, first_size, start) == 0) {
    return 0;
  }
  /* The stack ends within the window, or begins within WINDOW_BELOW: only what is on the word's own page. */
  u32 size = 4096 - (u32)(address & 4095);
  if (size > WINDOW_SIZE) {
    size = WINDOW_SIZE;
  }
  w->window_start = address;
  w->window_size = size;
  if (size < 8 || walk_read_user(w->window, size, address) != 0) {
    w->window_size = 0;
    return -1;
  }
  return 0;
}

/* One word of the stack. */
WALK_INLINE int walk_word(struct walk *w, u64 address, u64 *value) {
  u64 at = address - w->window_start;
  if (at + 8 > w->window_size || at > WINDOW_SIZE) {
    if (walk_fill_window(address) != 0) {
      return -1;
    }
    at = address - w->window_start;
  }
  if (at > WINDOW_SIZE - 8) {
    return -1;
  }
  *value = *(u64 *)(w->window + at);
  return 0;
}

WALK_INLINE int walk_maps(const struct map_entry *mapping, u64 address) {
  return address >= mapping->start && address < mapping->end;
}

/* Puts the mapping that holds address into w->mapping. */
WALK_PART int walk_find_mapping(u64 address) {
  struct walk *w = walk_state();
  if (!w) {
    return -1;
  }
  struct map_entry before = w->mapping;
  if (walk_maps(&w->other, address)) {
    w->mapping = w->other;
    w->other = before;
    return 0;
  }
  u32 number = 0;
  for (u32 level = 0; level < MAP_BLOCK_LEVELS; level++) {
    const struct map_block *block = walk_map_block(w->pid, number);
    if (!block) {
      return -1;
    }
    const struct map_entry *entry = &block->entries[map_block_find(block, address)];
    if (block->count == 0 || address < entry->start || address >= entry->end) {
      return -1;
    }
    if (entry->kind != MAP_INDEX) {
      w->mapping = *entry;
      w->other = before;
      return 0;
    }
    number = entry->first_chunk;
  }
  return -1;
}

/* The row in force at address, which w->mapping holds; all zero (UNWIND_NONE) where there is none. */
WALK_INLINE u64 walk_table_row(const struct walk *w, u64 address) {
  u64 elf = address - w->mapping.bias;
  u64 index = (elf - w->mapping.table_start) >> (w->mapping.chunk_shift & 31);
  if (index >= w->mapping.chunks) {
    return 0;
  }
  const struct unwind_chunk *chunk = walk_chunk(w->mapping.first_chunk + (u32)index);
  if (!chunk) {
    return 0;
  }
  const struct unwind_place place = unwind_chunk_place(chunk, (u16)elf);
  const struct unwind_block *block = walk_rows(place.block);
  if (!block) {
    return 0;
  }
  return *(const u64 *)&block->rows[unwind_find_row(block->rows, place.low, place.count, (u16)elf)];
}

#endif
