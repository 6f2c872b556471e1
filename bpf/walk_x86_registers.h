/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* x86-64: registers of callers, read when a rule asks for them. */
#ifndef STOKER_BPF_WALK_X86_REGISTERS_H
#define STOKER_BPF_WALK_X86_REGISTERS_H

#include "bpf/shared/leaf_code.h"
#include "walk_state.h"

_Static_assert(LEAF_CODE_ROOM == 2 * LEAF_CODE_BYTES, "room for the code around pc");

/* DWARF numbers (psABI figure 3.36). */
enum { REG_RBX = 3, REG_RBP = 6, REG_RSP = 7, REG_R9 = 9, REG_R12 = 12, REG_R15 = 15 };

/* Registers whose values survive calls. */
#define PRESERVED_REGS (1u << REG_RBX | 1u << REG_RBP | 1u << REG_RSP | 0xfu << REG_R12)

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

static inline u64 walk_frame_pointer_row(void) {
  struct unwind_row row = {
      .rule = UNWIND_FRAME_POINTER, .rbp = 2, .rbx = UNWIND_LOST, .r12_r15 = UNWIND_LOST, .offset = 2};
  return __builtin_bit_cast(u64, row);
}

#endif
