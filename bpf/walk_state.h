/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * What a walk of x86-64 user stacks knows at each frame: registers, where callers' registers lie, the stack's memory at
 * hand, the mapping and the row in force.
 *
 * Plain C that also compiles for the host (bpf/walk.h tells how).
 */
#ifndef STOKER_BPF_WALK_STATE_H
#define STOKER_BPF_WALK_STATE_H

#include "bpf/shared/leaf_code.h"
#include "bpf/shared/record.h"
#include "bpf/shared/stats.h"
#include "bpf/shared/unwind_table.h"
#include "bpf/shared/walk_maps.h"

enum {
  WINDOW_SIZE = 1024,
  FIRST_WINDOW_SIZE = 512, /* most stacks end or jump after few frames */
  WINDOW_BELOW = 64, /* kept below the address that is asked for: the slots of saved registers lie under it */
  WALK_SAVED = 64,   /* rows remembered; a power of two */
};

/* DWARF numbers (psABI figure 3.36). */
enum { REG_RBX = 3, REG_RBP = 6, REG_RSP = 7, REG_R9 = 9, REG_R12 = 12, REG_R15 = 15, REG_COUNT = 16 };

/* Registers whose values survive calls. */
#define PRESERVED_REGS (1u << REG_RBX | 1u << REG_RBP | 1u << REG_RSP | 0xfu << REG_R12)

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
  struct map_entry mapping; /* of the frame before */
  u64 regs[REG_COUNT];
  u64 row; /* struct unwind_row in force, as one word */
  u64 cfa;
  u64 thread_pointer; /* x86-64: the base of fs */
  u64 value;          /* what walk_find_saved() found */
  u32 end;
  u32 reserved;
  struct walk_saved saved[WALK_SAVED];
  u8 code[2 * LEAF_CODE_BYTES];
  u8 window[WINDOW_SIZE];
};

#define WALK_PART __attribute__((noinline))
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

/* Remembers where the row says that rbx and r12-r15 are. Few rules ever ask, so nobody looks at it before one does. */
WALK_INLINE void walk_remember(struct walk *w, u64 row, u64 base) {
  if ((row & UNWIND_ROW_SAVES) != 0) {
    struct walk_saved *saved = &w->saved[w->saved_count & (WALK_SAVED - 1)];
    saved->row = row;
    saved->base = base;
    w->saved_count++;
  }
}

/* The slot that a row gives rbx or one of r12-r15. */
static inline u32 walk_slot_of(struct unwind_row row, u32 number) {
  if (number == REG_RBX) {
    return row.rbx;
  }
  if (row.rule == UNWIND_RSP_WIDE || row.rule == UNWIND_RBP_WIDE || row.r12_r15 == UNWIND_LOST) {
    return UNWIND_LOST;
  }
  return unwind_slot_r12_r15(row.r12_r15, REG_R15 - number);
}

/* Puts rbx or one of r12-r15 of the frame at hand into w->value: the nearest remembered row that moved it tells. */
WALK_PART int walk_find_saved(u32 number) {
  struct walk *w = walk_state();
  if (!w) {
    return -1;
  }
  number &= REG_COUNT - 1;
  for (u32 back = 1; back <= WALK_SAVED; back++) {
    if (back > w->saved_count) {
      if ((w->known >> number & 1) == 0) {
        break;
      }
      w->value = w->regs[number];
      return 0;
    }
    const struct walk_saved *saved = &w->saved[(w->saved_count - back) & (WALK_SAVED - 1)];
    u32 slot = walk_slot_of(__builtin_bit_cast(struct unwind_row, saved->row), number);
    if (slot == UNWIND_LOST) {
      break;
    }
    if (slot != UNWIND_SAME) {
      if (walk_read_user(&w->value, sizeof(w->value), saved->base - 8 * (u64)slot) != 0) {
        w->end = STAT_cut_unreadable;
        return -1;
      }
      return 0;
    }
  }
  w->end = STAT_cut_lost_register;
  return -1;
}

WALK_INLINE int walk_register(struct walk *w, u32 number, u64 *value) {
  number &= REG_COUNT - 1;
  if (number == REG_RBX || number >= REG_R12) {
    if (walk_find_saved(number) != 0) {
      return -1;
    }
    *value = w->value;
    return 0;
  }
  if ((w->known >> number & 1) == 0) {
    w->end = STAT_cut_lost_register;
    return -1;
  }
  *value = w->regs[number];
  return 0;
}

/* The caller's rbp: read at once, since nearly every other frame asks for it and its slot is in the window. */
WALK_INLINE int walk_restore_rbp(struct walk *w, u32 slot, u64 base) {
  if (slot == UNWIND_LOST) {
    w->known &= ~(1u << REG_RBP);
  } else if (slot != UNWIND_SAME) {
    u64 rbp;
    if (walk_word(w, base - 8 * (u64)slot, &rbp) != 0) {
      w->end = STAT_cut_unreadable;
      return -1;
    }
    w->regs[REG_RBP] = rbp;
    w->known |= 1u << REG_RBP;
  }
  return 0;
}

/* The registers are now a caller's. What calls need not preserve is kept over one, as an unspecified register of DWARF
 * is: assembly (libcrypto's AES-GCM) counts its frame from rax over calls of helpers of its own. */
WALK_INLINE void walk_called(struct walk *w) {
  if (!w->exact) {
    w->known &= PRESERVED_REGS;
  }
  w->exact = 0;
}

/* Puts the mapping that holds address into w->mapping. */
WALK_PART int walk_find_mapping(u64 address) {
  struct walk *w = walk_state();
  if (!w) {
    return -1;
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
