/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The user stack of x86-64 code, frame by frame, on unwind tables (bpf/shared/unwind_table.h).
 *
 * Plain C that also compiles for the host, where it replays recorded cases. What it needs from outside goes through
 * functions that the includer defines before:
 *   static int walk_read_user(void *to, u32 size, u64 from)            0 on success
 *   static const struct map_block *walk_map_block(u32 pid, u32 block)  null: unknown
 *   static const struct unwind_chunk *walk_chunk(u32 index), static const struct unwind_block *walk_rows(u32 block)
 *   static struct walk *walk_state(void)                               the walk at hand; null ends it
 *
 * The larger parts are global functions that take numbers only and ask for the walk themselves: the verifier then looks
 * at each of them once (in any order of calls, 20,000 instructions) instead of once for every path that leads to it
 * (500,000, five seconds at start), and kernels before 5.12 take no other kind.
 *
 * A helper call costs more than everything else in a frame (a read of user memory 100 ns, a hash lookup 45 ns), so the
 * stack is read in windows of WINDOW_SIZE, the mapping of the frame before is tried first, and a row is found with one
 * lookup for its chunk and one for its block, which is searched in place.
 */
#ifndef STOKER_BPF_WALK_H
#define STOKER_BPF_WALK_H

#include "bpf/shared/leaf_code.h"
#include "bpf/shared/record.h"
#include "bpf/shared/stats.h"
#include "bpf/shared/unwind_table.h"
#include "bpf/shared/walk_maps.h"

enum {
  WINDOW_SIZE = 1024,
  WINDOW_BELOW = 64, /* kept below the address that is asked for: the slots of saved registers lie under it */
};

/* DWARF numbers (psABI figure 3.36). */
enum { REG_RBX = 3, REG_RBP = 6, REG_RSP = 7, REG_R9 = 9, REG_R12 = 12, REG_R15 = 15, REG_COUNT = 16 };

/* Registers whose values survive calls. */
#define PRESERVED_REGS (1u << REG_RBX | 1u << REG_RBP | 1u << REG_RSP | 0xfu << REG_R12)

enum walk_result {
  WALK_GOES_ON = 0,
  WALK_ENDS = 1,    /* walk.end tells how: 0 at a root, else a STAT_cut_… */
  WALK_PENDING = 2, /* a table is missing: to be walked in user space */
};

struct walk {
  u64 pc;
  u64 regs[REG_COUNT];
  u64 saved_at
      [REG_COUNT]; /* not 0: the register's value is in memory there, read only if a rule asks for it */
  u32 known;       /* bit n: regs[n] or saved_at[n] holds */
  u32 pid;
  u32 exact; /* pc is of the instruction that runs next, not a return address */
  u32 end;
  struct map_entry mapping; /* of the frame before */
  u64 window_start;
  u32 window_size;
  u32 reserved;
  u64 row; /* struct unwind_row in force, as one word */
  u64 cfa;
  u8 code[2 * LEAF_CODE_BYTES];
  u8 window[WINDOW_SIZE];
};

#define WALK_PART __attribute__((noinline))

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
  w->window_start = start;
  w->window_size = WINDOW_SIZE;
  if (walk_read_user(w->window, WINDOW_SIZE, start) == 0) {
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
static inline int walk_word(struct walk *w, u64 address, u64 *value) {
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

static inline int walk_register(struct walk *w, u32 number, u64 *value) {
  number &= REG_COUNT - 1;
  if ((w->known >> number & 1) == 0) {
    w->end = STAT_cut_lost_register;
    return -1;
  }
  if (w->saved_at[number] == 0) {
    *value = w->regs[number];
    return 0;
  }
  if (walk_read_user(value, sizeof(*value), w->saved_at[number]) != 0) {
    w->end = STAT_cut_unreadable;
    return -1;
  }
  return 0;
}

static inline void walk_set(struct walk *w, u32 number, u64 value) {
  number &= REG_COUNT - 1;
  w->regs[number] = value;
  w->saved_at[number] = 0;
  w->known |= 1u << number;
}

/* The register's value is in its slot below base, if the row says so. */
static inline void walk_slot(struct walk *w, u32 number, u32 slot, u64 base) {
  number &= REG_COUNT - 1;
  if (slot == UNWIND_LOST) {
    w->known &= ~(1u << number);
  } else if (slot != UNWIND_SAME) {
    w->saved_at[number] = base - 8 * (u64)slot;
    w->known |= 1u << number;
  }
}

/* Without branches, of which there would be sixteen ways through. */
static inline void walk_slots_r12_r15(struct walk *w, u32 packed, u64 base) {
  if (packed == 0) {
    return;
  }
  if (packed == UNWIND_LOST) {
    w->known &= ~(0xfu << REG_R12);
    return;
  }
  u64 ascending = -(u64)(packed / UNWIND_ASCENDING & 1);
  u64 before = 0; /* saved registers with a lower bit: r15 has bit 0 */
  u64 total = (packed & 1) + (packed >> 1 & 1) + (packed >> 2 & 1) + (packed >> 3 & 1);
  for (u32 bit = 0; bit < 4; bit++) {
    u64 saved = packed >> bit & 1;
    u64 mask = -saved;
    __asm__ volatile("" : "+r"(mask));
    u64 behind = total - before - saved;
    u64 slot = UNWIND_FIRST_SLOT(packed) + ((behind & ascending) | (before & ~ascending));
    w->saved_at[REG_R15 - bit] = (w->saved_at[REG_R15 - bit] & ~mask) | ((base - 8 * slot) & mask);
    w->known |= (u32)saved << (REG_R15 - bit);
    before += saved;
  }
}

/* Index of the last of a block's entries that starts at or below address; 0 if none does. */
static inline u32 walk_search_block(const struct map_block *block, u64 address) {
  u64 at = 0;
  u64 count = block->count;
  for (u32 step = MAP_BLOCK_ENTRIES / 2; step != 0; step >>= 1) {
    u64 next = at + step;
    at += step & unwind_less(next, count) &
          ~unwind_less(address, block->entries[next & (MAP_BLOCK_ENTRIES - 1)].start);
  }
  return (u32)at & (MAP_BLOCK_ENTRIES - 1);
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
    const struct map_entry *entry = &block->entries[walk_search_block(block, address)];
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

static inline u64 walk_frame_pointer_row(void) {
  struct unwind_row row = {
      .rule = UNWIND_FRAME_POINTER, .rbp = 2, .rbx = UNWIND_LOST, .r12_r15 = UNWIND_LOST, .offset = 2};
  return __builtin_bit_cast(u64, row);
}

/* Puts the row in force at pc into w->row. */
WALK_PART int walk_row(void) {
  struct walk *w = walk_state();
  if (!w) {
    return WALK_ENDS;
  }
  u64 address = w->exact ? w->pc : w->pc - 1;
  if (address < w->mapping.start || address >= w->mapping.end) {
    if (walk_find_mapping(address) != 0) {
      return WALK_PENDING; /* mapped a moment ago, or nowhere: user space can tell */
    }
  }
  switch (w->mapping.kind) {
    case MAP_TABLE:
      break;
    case MAP_FRAME_POINTER:
      w->row = walk_frame_pointer_row();
      return WALK_GOES_ON;
    case MAP_NONE:
      return walk_cut(w, STAT_cut_no_rule);
    default:
      return WALK_PENDING;
  }
  u64 elf = address - w->mapping.bias;
  u64 relative = elf - w->mapping.table_start;
  u64 index = relative >> (w->mapping.chunk_shift & 31);
  if (elf < w->mapping.table_start || index >= w->mapping.chunks) {
    return walk_cut(w, STAT_cut_no_rule);
  }
  const struct unwind_chunk *chunk = walk_chunk(w->mapping.first_chunk + (u32)index);
  if (!chunk) {
    return walk_cut(w, STAT_cut_no_rule);
  }
  u32 block_number = chunk->first_row >> UNWIND_BLOCK_BITS;
  u32 low = chunk->first_row & (UNWIND_BLOCK_ROWS - 1);
  u32 count = chunk->count;
  if (low + count > UNWIND_BLOCK_ROWS) {
    u32 here = UNWIND_BLOCK_ROWS - low;
    if ((u16)elf >= chunk->split) {
      block_number++;
      count -= here;
      low = 0;
    } else {
      count = here;
    }
  }
  const struct unwind_block *block = walk_rows(block_number);
  if (!block) {
    return walk_cut(w, STAT_cut_no_rule);
  }
  w->row = *(const u64 *)&block->rows[unwind_find_row(block->rows, low, count, (u16)elf)];
  return WALK_GOES_ON;
}

/* All registers of the interrupted code lie in the ucontext, from r8 to rip without a gap. */
WALK_PART int walk_context(void) {
  struct walk *w = walk_state();
  if (!w) {
    return WALK_ENDS;
  }
  struct unwind_row row = __builtin_bit_cast(struct unwind_row, w->row);
  u64 base;
  if (walk_register(w, UNWIND_REG_OF(row.offset), &base) != 0) {
    return WALK_ENDS;
  }
  base += 8 * (s64)UNWIND_REG_OFFSET(row.offset);
  u64 *words = (u64 *)w->window;
  w->window_size = 0;
  if (walk_read_user(words, 17 * 8, base + UNWIND_X86_UC_R8) != 0) {
    return walk_cut(w, STAT_cut_unreadable);
  }
  for (u32 i = 0; i < 8; i++) {
    w->regs[8 + i] = words[i];
  }
  w->regs[5] = words[8]; /* rdi */
  w->regs[4] = words[9]; /* rsi */
  w->regs[REG_RBP] = words[10];
  w->regs[REG_RBX] = words[11];
  w->regs[1] = words[12]; /* rdx */
  w->regs[0] = words[13]; /* rax */
  w->regs[2] = words[14]; /* rcx */
  w->regs[REG_RSP] = words[15];
  w->pc = words[16];
  for (u32 i = 0; i < REG_COUNT; i++) {
    w->saved_at[i] = 0;
  }
  w->exact = row.rule == UNWIND_SIGNAL;
  w->known = w->exact ? 0xffff : PRESERVED_REGS;
  return WALK_GOES_ON;
}

/* longjmp and its kind: rsp, rbp and pc come from registers. */
WALK_PART int walk_jump(void) {
  struct walk *w = walk_state();
  if (!w) {
    return WALK_ENDS;
  }
  struct unwind_row row = __builtin_bit_cast(struct unwind_row, w->row);
  u16 packed = (u16)row.offset;
  u32 rbp_number = UNWIND_JUMP_RBP(packed);
  u64 rsp, pc, rbp = 0;
  if (walk_register(w, UNWIND_JUMP_RSP(packed), &rsp) != 0 ||
      walk_register(w, UNWIND_JUMP_PC(packed), &pc) != 0) {
    return WALK_ENDS;
  }
  rsp += 8 * (u64)UNWIND_JUMP_WORDS(packed);
  u32 rbp_known = w->known >> rbp_number & 1;
  if (rbp_known && walk_register(w, rbp_number, &rbp) != 0) {
    return WALK_ENDS;
  }
  walk_slot(w, REG_RBP, row.rbp, rsp);
  walk_slot(w, REG_RBX, row.rbx, rsp);
  walk_slots_r12_r15(w, row.r12_r15, rsp);
  if (row.rbp == UNWIND_SAME && rbp_number != REG_RBP) {
    walk_set(w, REG_RBP, rbp);
    if (!rbp_known) {
      w->known &= ~(1u << REG_RBP);
    }
  }
  walk_set(w, REG_RSP, rsp);
  w->pc = pc;
  w->exact = 0;
  w->known &= PRESERVED_REGS;
  return WALK_GOES_ON;
}

/* Code without a table. At the leaf, around the frame's making and undoing, rbp is not yet or no longer this frame's:
 * the code bytes tell. Turns the row into one by rsp or rbp. */
WALK_PART int walk_frame_pointer(void) {
  struct walk *w = walk_state();
  if (!w) {
    return WALK_ENDS;
  }
  struct unwind_row row = __builtin_bit_cast(struct unwind_row, w->row);
  if (w->exact) {
    __builtin_memset(w->code, 0xcc, sizeof(w->code));
    walk_read_user(w->code, LEAF_CODE_BYTES, w->pc - LEAF_CODE_BYTES);
    walk_read_user(w->code + LEAF_CODE_BYTES, LEAF_CODE_BYTES, w->pc);
    u32 frame = leaf_frame_x86(w->code);
    if (frame != LEAF_BY_RBP) {
      struct unwind_row leaf = {.rule = UNWIND_RSP,
                                .rbp = frame == LEAF_AT_ENTRY ? UNWIND_SAME : 2,
                                .offset = frame == LEAF_AT_ENTRY ? 1 : 2};
      w->row = __builtin_bit_cast(u64, leaf);
      return WALK_GOES_ON;
    }
  }
  u64 rbp;
  if (walk_register(w, REG_RBP, &rbp) != 0) {
    return WALK_ENDS;
  }
  if (rbp == 0) {
    return walk_cut(w, 0);
  }
  if ((rbp & 7) != 0 || rbp < w->regs[REG_RSP]) {
    return walk_cut(w, STAT_cut_frame_pointer);
  }
  row.rule = UNWIND_RBP;
  w->row = __builtin_bit_cast(u64, row);
  return WALK_GOES_ON;
}

/* The canonical frame address by the rarer rules. */
WALK_PART int walk_rare_cfa(void) {
  struct walk *w = walk_state();
  if (!w) {
    return -1;
  }
  struct unwind_row row = __builtin_bit_cast(struct unwind_row, w->row);
  s32 offset = row.offset;
  s64 wide = (s32)((u32)row.r12_r15 << 24 | (u32)(u16)offset << 8) >> 8;
  u64 n = 8 * (s64)UNWIND_DEREF_N(offset);
  u64 k = 8 * (s64)UNWIND_DEREF_K(offset);
  u64 from;
  u64 index = 0;
  u32 number = REG_RSP;
  switch (row.rule) {
    case UNWIND_RBP_WIDE:
    case UNWIND_DRAP:
    case UNWIND_DEREF_RBP:
      number = REG_RBP;
      break;
    case UNWIND_REG:
    case UNWIND_REG_DRAP:
      number = UNWIND_REG_OF(offset);
      break;
  }
  if (walk_register(w, number, &from) != 0) {
    return -1;
  }
  switch (row.rule) {
    case UNWIND_RSP_WIDE:
    case UNWIND_RBP_WIDE:
      w->cfa = from + wide;
      return 0;
    case UNWIND_REG:
    case UNWIND_REG_DRAP:
      w->cfa = from + 8 * (s64)UNWIND_REG_OFFSET(offset);
      return 0;
    case UNWIND_PLT:
      w->cfa = from + ((w->pc & 15) >= (u64)offset ? 16 : 8);
      return 0;
    case UNWIND_DRAP:
      n = 8 * (s64)offset;
      k = 0;
      break;
    case UNWIND_DEREF_R9:
      if (walk_register(w, REG_R9, &index) != 0) {
        return -1;
      }
      break;
    case UNWIND_DEREF_RSP:
    case UNWIND_DEREF_RBP:
      break;
    default:
      w->end = STAT_cut_unsupported;
      return -1;
  }
  if (walk_word(w, from + n + 8 * index, &from) != 0) {
    w->end = STAT_cut_unreadable;
    return -1;
  }
  w->cfa = from + k;
  return 0;
}

/* One frame: makes the registers those of the caller. */
WALK_PART int walk_step(void) {
  struct walk *w = walk_state();
  if (!w) {
    return WALK_ENDS;
  }
  int result = walk_row();
  if (result != WALK_GOES_ON) {
    return result;
  }
  struct unwind_row row = __builtin_bit_cast(struct unwind_row, w->row);
  if (row.rule == UNWIND_FRAME_POINTER) {
    result = walk_frame_pointer();
    if (result != WALK_GOES_ON) {
      return result;
    }
    row = __builtin_bit_cast(struct unwind_row, w->row);
  }

  u64 cfa;
  u32 drap = 0;
  u32 wide = 0;
  if (row.rule == UNWIND_RSP) {
    cfa = w->regs[REG_RSP] + 8 * (s64)row.offset; /* rsp is always known, and never left in memory */
  } else if (row.rule == UNWIND_RBP) {
    if (walk_register(w, REG_RBP, &cfa) != 0) {
      return WALK_ENDS;
    }
    cfa += 8 * (s64)row.offset;
  } else if (row.rule == UNWIND_NONE) {
    return walk_cut(w, STAT_cut_no_rule);
  } else if (row.rule == UNWIND_END) {
    return walk_cut(w, 0);
  } else if (row.rule == UNWIND_SIGNAL || row.rule == UNWIND_CONTEXT) {
    return (enum walk_result)walk_context();
  } else if (row.rule == UNWIND_JUMP) {
    return (enum walk_result)walk_jump();
  } else {
    if (walk_rare_cfa() != 0) {
      return WALK_ENDS;
    }
    cfa = w->cfa;
    drap = row.rule == UNWIND_DRAP || row.rule == UNWIND_REG_DRAP;
    wide = row.rule == UNWIND_RSP_WIDE || row.rule == UNWIND_RBP_WIDE;
  }
  if (cfa <= w->regs[REG_RSP]) {
    return walk_cut(w, STAT_cut_no_progress);
  }
  u64 pc;
  if (walk_word(w, cfa - 8, &pc) != 0) {
    return walk_cut(w, STAT_cut_unreadable);
  }
  u64 base = cfa;
  if (drap) {
    if (walk_register(w, REG_RBP, &base) != 0) {
      return WALK_ENDS;
    }
    base += 8;
  }
  /* rbp is read at once: nearly every other frame asks for it, and its slot is in the window. */
  if (row.rbp == UNWIND_LOST) {
    w->known &= ~(1u << REG_RBP);
  } else if (row.rbp != UNWIND_SAME) {
    u64 rbp;
    if (walk_word(w, base - 8 * (u64)row.rbp, &rbp) != 0) {
      return walk_cut(w, STAT_cut_unreadable);
    }
    walk_set(w, REG_RBP, rbp);
  }
  walk_slot(w, REG_RBX, row.rbx, base);
  if (wide) {
    w->known &= ~(0xfu << REG_R12);
  } else {
    walk_slots_r12_r15(w, row.r12_r15, base);
  }
  w->regs[REG_RSP] = cfa;
  w->pc = pc;
  w->exact = 0;
  w->known &= PRESERVED_REGS;
  return pc == 0 ? walk_cut(w, 0) : WALK_GOES_ON;
}

#endif
