/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * aarch64's frame records: {x29, x30}, which x29 points at (AAPCS64 §6.4.6).
 *
 * Code that keeps frame pointers stores a record and points x29 at it; before that, and once both registers are loaded
 * again, the return address is in x30 and x29 is the caller's. A leaf without unwind table that goes by x29 there skips its
 * caller, so its code is looked at. Instruction encodings: Arm Architecture Reference Manual, C6.2.
 */
#ifndef STOKER_BPF_SHARED_ARM64_FRAMES_H
#define STOKER_BPF_SHARED_ARM64_FRAMES_H

#include "bpf/shared/unwind_table.h"

enum {
  ARM_LEAF_AHEAD =
      10, /* instructions looked at from pc on: a prologue stores up to five pairs before it sets x29 */
  ARM_LEAF_BEHIND =
      3, /* and in front of it: an epilogue authenticates x30 and adds to sp before it returns */
};

/* add x29, sp, #N, of which mov x29, sp is one. */
static inline u32 arm_sets_frame_pointer(u32 code) {
  return (code & 0xffc003ff) == 0x910003fd;
}

/* ldp x29, x30, [sp, …] in any form. */
static inline u32 arm_loads_frame(u32 code) {
  return (code & 0xfc407fff) == 0xa8407bfd;
}

/* ret, also with authentication. */
static inline u32 arm_returns(u32 code) {
  return code == 0xd65f03c0 || code == 0xd65f0bff || code == 0xd65f0fff;
}

/* b, bl, branches to a register and traps, behind which something else begins. Conditional branches may lead to the rest of
 * the same prologue. */
static inline u32 arm_goes_elsewhere(u32 code) {
  return (code & 0x7c000000) == 0x14000000 || (code & 0xfe1f0000) == 0xd61f0000 ||
         (code & 0xffe0001f) == 0xd4200000 || code >> 16 == 0;
}

/* Whether the return address is in x30, and x29 the caller's. code: ARM_LEAF_BEHIND instructions, then ARM_LEAF_AHEAD from
 * pc on. What could not be read is 0. */
static inline u32 arm_leaf_has_no_frame(const u32 *code) {
  for (u32 i = ARM_LEAF_BEHIND; i < ARM_LEAF_BEHIND + ARM_LEAF_AHEAD; i++) {
    if (arm_returns(code[i]) || arm_sets_frame_pointer(code[i])) {
      return 1;
    }
    if (arm_loads_frame(code[i]) || arm_goes_elsewhere(code[i])) {
      break;
    }
  }
  /* A tail call leaves by a branch. */
  for (u32 i = ARM_LEAF_BEHIND; i > 0; i--) {
    if (arm_loads_frame(code[i - 1])) {
      return 1;
    }
    if (arm_returns(code[i - 1]) || arm_goes_elsewhere(code[i - 1])) {
      break;
    }
  }
  return 0;
}

/* Where sp is lost: whether the row, of a caller with cfa = sp + 8 * offset, has a record at the frame's bottom, where x29
 * then points. */
static inline u32 arm_record_at_bottom(struct unwind_row row) {
  u32 slot = (row.flags & UNWIND_PAIR) != 0 ? row.rbp | (u32)row.lr << 8 : row.rbp;
  u32 is_slot = slot != UNWIND_SAME && ((row.flags & UNWIND_PAIR) != 0 || slot != UNWIND_LOST);
  return row.rule == UNWIND_RSP && is_slot && row.offset > 0 && slot == (u32)row.offset;
}

#endif
