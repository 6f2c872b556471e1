/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* x86-64: the rules that few rows have: signal frames, longjmp, code without tables, and canonical frame addresses from
 * anything but rsp and rbp. */
#ifndef STOKER_BPF_WALK_X86_RULES_H
#define STOKER_BPF_WALK_X86_RULES_H

#include "walk_x86_registers.h"

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
  w->saved_count = 0;
  w->exact = row.rule == UNWIND_SIGNAL;
  w->known = w->exact ? 0xffff : PRESERVED_REGS;
  return w->pc == 0 && !w->exact ? walk_cut(w, 0) : WALK_GOES_ON;
}

/* longjmp and its kind: rsp, rbp and pc come from registers. */
WALK_PART int walk_jump(void) {
  struct walk *w = walk_state();
  if (!w) {
    return WALK_ENDS;
  }
  struct unwind_row row = __builtin_bit_cast(struct unwind_row, w->row);
  u16 packed = (u16)row.offset;
  u64 rsp, pc, rbp;
  if (walk_register(w, UNWIND_JUMP_RSP(packed), &rsp) != 0 ||
      walk_register(w, UNWIND_JUMP_PC(packed), &pc) != 0) {
    return WALK_ENDS;
  }
  rsp += 8 * (u64)UNWIND_JUMP_WORDS(packed);
  if (row.rbp != UNWIND_SAME) {
    if (walk_restore_rbp(w, row.rbp, rsp) != 0) {
      return WALK_ENDS;
    }
  } else if (walk_register(w, UNWIND_JUMP_RBP(packed), &rbp) == 0) {
    w->regs[REG_RBP] = rbp;
    w->known |= 1u << REG_RBP;
  } else {
    w->known &= ~(1u << REG_RBP);
  }
  walk_remember(w, w->row, rsp);
  w->regs[REG_RSP] = rsp;
  w->pc = pc;
  w->exact = 0;
  w->known &= PRESERVED_REGS;
  return pc == 0 ? walk_cut(w, 0) : WALK_GOES_ON;
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

/* Where the thread's goroutine stopped. */
WALK_PART int walk_goroutine(void) {
  struct walk *w = walk_state();
  if (!w) {
    return WALK_ENDS;
  }
  struct unwind_row row = __builtin_bit_cast(struct unwind_row, w->row);
  u64 g, m, curg;
  u64 sched[2]; /* sp, pc */
  if (walk_read_user(&g, sizeof(g), w->thread_pointer + (s64)UNWIND_GO_G) != 0 ||
      walk_read_user(&m, sizeof(m), g + UNWIND_GO_M) != 0 ||
      walk_read_user(&curg, sizeof(curg), m + 8 * (u64)(u16)row.offset) != 0) {
    return walk_cut(w, STAT_cut_unreadable);
  }
  if (curg == 0) {
    return walk_cut(w, 0);
  }
  if (walk_read_user(sched, sizeof(sched), curg + UNWIND_GO_SCHED) != 0) {
    return walk_cut(w, STAT_cut_unreadable);
  }
  w->regs[REG_RSP] = sched[0];
  w->pc = sched[1];
  w->exact = 0;
  w->known = 1u << REG_RSP;
  w->saved_count = 0;
  return w->pc == 0 ? walk_cut(w, 0) : WALK_GOES_ON;
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
    case UNWIND_GO_SWITCH:
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
      /* A value that a call may have changed has to look like a frame. */
      if (!w->exact && (PRESERVED_REGS >> number & 1) == 0 &&
          ((w->cfa & 7) != 0 || w->cfa - w->regs[REG_RSP] > UNWIND_LARGEST_GUESSED)) {
        w->end = STAT_cut_lost_register;
        return -1;
      }
      return 0;
    case UNWIND_GO_SWITCH:
      w->cfa = from + 16;
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

#endif
