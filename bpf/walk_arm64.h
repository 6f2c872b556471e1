/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* aarch64: from one frame to the next. */
#ifndef STOKER_BPF_WALK_ARM64_H
#define STOKER_BPF_WALK_ARM64_H

#include "bpf/shared/arm64_frames.h"
#include "walk_row.h"

/* DWARF numbers (AADWARF64 §4.1). */
enum { REG_FP = 29, REG_LR = 30, REG_SP = 31 };

/* Registers whose values survive calls and that rules ask for; x19 to x28 are not followed. Where sp is not known, its
 * value is one that the stack is not below. */
#define PRESERVED_REGS (1u << REG_FP | 1u << REG_SP)

/* Bits of an address of user space with 48-bit addresses; above them lie a signature (PAuth) or a tag. */
#define ADDRESS_BITS ((1ull << 48) - 1)

static inline u64 walk_frame_pointer_row(void) {
  struct unwind_row row = {.rule = UNWIND_FRAME_POINTER, .rbp = 2, .lr = 1, .offset = 2};
  return __builtin_bit_cast(u64, row);
}

static inline int walk_register(struct walk *w, u32 number, u64 *value) {
  number &= REG_COUNT - 1;
  if ((w->known >> number & 1) == 0) {
    w->end = STAT_cut_lost_register;
    return -1;
  }
  *value = w->regs[number];
  return 0;
}

/* All registers of the interrupted code lie in the ucontext: x0 to x30, sp, pc follow each other. */
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
  if (walk_read_user(w->regs, sizeof(w->regs), base + UNWIND_ARM_UC_X0) != 0 ||
      walk_read_user(&w->pc, sizeof(w->pc), base + UNWIND_ARM_UC_PC) != 0) {
    return walk_cut(w, STAT_cut_unreadable);
  }
  w->exact = 1;
  w->known = ~0u;
  return WALK_GOES_ON;
}

/* Makes the registers those of the caller, whose frame ends at cfa. Changes nothing and gives WALK_ENDS where the stack
 * cannot be read or the return address is lost. */
WALK_INLINE int walk_leave(struct walk *w, struct unwind_row row, u64 cfa) {
  u32 pair = row.flags & UNWIND_PAIR;
  u32 fp_slot = pair ? row.rbp | (u32)row.lr << 8 : row.rbp;
  u32 lr_slot = pair ? fp_slot - 1 : row.lr;
  u64 pc, fp = 0;
  if (lr_slot == UNWIND_SAME) { /* until the function calls another */
    if (walk_register(w, REG_LR, &pc) != 0) {
      return WALK_ENDS;
    }
  } else if (walk_word(w, cfa - 8 * (u64)lr_slot, &pc) != 0) {
    return walk_cut(w, STAT_cut_unreadable);
  }
  u32 fp_lost = !pair && fp_slot == UNWIND_LOST;
  if (!fp_lost && fp_slot != UNWIND_SAME) {
    if (walk_word(w, cfa - 8 * (u64)fp_slot, &fp) != 0) {
      return walk_cut(w, STAT_cut_unreadable);
    }
    w->regs[REG_FP] = fp;
    w->known |= 1u << REG_FP;
  }
  if (fp_lost) {
    w->known &= ~(1u << REG_FP);
  }
  w->regs[REG_SP] = cfa;
  w->pc = pc & ADDRESS_BITS;
  w->exact = 0;
  w->known &= PRESERVED_REGS;
  return w->pc == 0 ? walk_cut(w, 0) : WALK_GOES_ON;
}

/* Code without a table, at the leaf: whether the return address still is, or again is, in x30. */
WALK_PART int walk_leaf_has_no_frame(void) {
  struct walk *w = walk_state();
  if (!w) {
    return 0;
  }
  u32 *code = (u32 *)w->window;
  w->window_size = 0;
  __builtin_memset(code, 0, 4 * (ARM_LEAF_BEHIND + ARM_LEAF_AHEAD));
  walk_read_user(code, 4 * ARM_LEAF_BEHIND, w->pc - 4 * ARM_LEAF_BEHIND);
  /* Code may end at a page's end. */
  u32 size = 4096 - (u32)(w->pc & 4095);
  if (size >= 4 * ARM_LEAF_AHEAD) {
    size = 4 * ARM_LEAF_AHEAD;
  }
  walk_read_user(code + ARM_LEAF_BEHIND, size, w->pc);
  return arm_leaf_has_no_frame(code);
}

/* By x29, which points at a frame record: the caller's x29 and the return address. Where in the frame the record lies only
 * its code knows, so the caller's sp is lost. */
WALK_PART int walk_frame_record(void) {
  struct walk *w = walk_state();
  if (!w) {
    return WALK_ENDS;
  }
  u64 sp = w->regs[REG_SP];
  if (w->exact && walk_leaf_has_no_frame()) {
    struct unwind_row row = {.rule = UNWIND_RSP}; /* return address and x29 in their registers */
    w->known &= ~(1u << REG_SP);
    return walk_leave(w, row, sp);
  }
  u64 record;
  if (walk_register(w, REG_FP, &record) != 0) {
    return WALK_ENDS;
  }
  if (record == 0) {
    return walk_cut(w, 0);
  }
  if ((record & 7) != 0 || record < sp) {
    return walk_cut(w, STAT_cut_frame_pointer);
  }
  struct unwind_row row = __builtin_bit_cast(struct unwind_row, w->row);
  w->known &= ~(1u << REG_SP);
  return walk_leave(w, row, record + 16);
}

/* One frame, by any rule: takes it, and makes the registers those of the caller. */
WALK_PART int walk_step(void) {
  struct walk *w = walk_state();
  if (!w) {
    return WALK_ENDS;
  }
  walk_take_this(w);
  int result = walk_row();
  if (result != WALK_GOES_ON) {
    return result;
  }
  struct unwind_row row = __builtin_bit_cast(struct unwind_row, w->row);
  u32 number = REG_SP;
  s64 offset = row.offset;
  switch (row.rule) {
    case UNWIND_NONE:
      return walk_cut(w, STAT_cut_no_rule);
    case UNWIND_END:
      if (row.offset == UNWIND_END_AT_START) {
        walk_take_as_exact(w);
      }
      return walk_cut(w, 0);
    case UNWIND_SIGNAL:
      walk_take_as_exact(w);
      return (enum walk_result)walk_context();
    case UNWIND_RSP:
      break;
    case UNWIND_RBP:
      number = REG_FP;
      break;
    case UNWIND_FRAME_POINTER:
      return (enum walk_result)walk_frame_record();
    case UNWIND_REG:
      number = UNWIND_REG_OF(row.offset);
      offset = UNWIND_REG_OFFSET(row.offset);
      break;
    default:
      return walk_cut(w, STAT_cut_unsupported);
  }
  u64 start;
  if ((w->known >> REG_SP & 1) == 0 && arm_record_at_bottom(row)) {
    number = REG_FP;
  }
  if (walk_register(w, number, &start) != 0) {
    return WALK_ENDS;
  }
  u64 sp = w->regs[REG_SP];
  u64 cfa = start + 8 * (u64)offset;
  if (cfa < sp || (cfa == sp && !w->exact)) { /* a leaf need not have a frame */
    return walk_cut(w, STAT_cut_no_progress);
  }
  w->known |= 1u << REG_SP;
  return walk_leave(w, row, cfa);
}

/* Frames by the rules of nearly all rows, as far as they go. Changes nothing of a frame that it leaves to walk_step(). */
WALK_PART int walk_run(void) {
  struct walk *w = walk_state();
  if (!w) {
    return WALK_ENDS;
  }
  for (u32 i = 0; i < WALK_RUN; i++) {
    struct unwind_row row = __builtin_bit_cast(struct unwind_row, walk_common_row(w));
    u64 cfa = 8 * (u64)(s64)row.offset;
    if (row.rule == UNWIND_RSP) {
      cfa += w->regs[REG_SP];
    } else if (row.rule == UNWIND_RBP && (w->known >> REG_FP & 1) != 0) {
      cfa += w->regs[REG_FP];
    } else {
      return WALK_RARE;
    }
    if ((w->known >> REG_SP & 1) == 0 || cfa <= w->regs[REG_SP] || row.lr == UNWIND_SAME ||
        (row.flags & UNWIND_PAIR) != 0) {
      return WALK_RARE;
    }
    walk_take_this(w);
    int result = walk_leave(w, row, cfa);
    if (result != WALK_GOES_ON) {
      return result;
    }
  }
  return WALK_GOES_ON;
}

#endif
