/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Where a leaf without unwind table keeps its caller, told from its code bytes (x86-64).
 *
 * Code that keeps frame pointers has rbp set up except in the few instructions around the frame's making and undoing;
 * a sample there that goes by rbp skips the caller. Instruction encodings: Intel SDM volume 2.
 */
#ifndef STOKER_BPF_SHARED_LEAF_CODE_H
#define STOKER_BPF_SHARED_LEAF_CODE_H

#include "bpf/shared/types.h"

enum {
  LEAF_CODE_BYTES = 16, /* looked at in front of pc, and from pc on */
};

enum leaf_frame {
  LEAF_BY_RBP = 0,     /* the frame is set up: cfa = rbp + 16 */
  LEAF_AT_ENTRY = 1,   /* the return address is at rsp: cfa = rsp + 8, rbp is the caller's */
  LEAF_RBP_PUSHED = 2, /* rbp was pushed or is about to be popped: cfa = rsp + 16, caller's rbp at cfa - 16 */
};

static inline u32 leaf_is_mov_rsp_rbp(const u8 *code) {
  return code[0] == 0x48 && ((code[1] == 0x89 && code[2] == 0xe5) || (code[1] == 0x8b && code[2] == 0xec));
}

/* code: 2 * LEAF_CODE_BYTES bytes, pc in the middle. Bytes that could not be read are 0xcc. */
static inline u32 leaf_frame_x86(const u8 *code) {
  const u8 *at = code + LEAF_CODE_BYTES;
  if (at[0] == 0xc3 || at[0] == 0xc2 || (at[0] == 0xf3 && at[1] == 0xc3)) {
    return LEAF_AT_ENTRY; /* ret */
  }
  if (at[0] == 0xf3 && at[1] == 0x0f && at[2] == 0x1e && at[3] == 0xfa) {
    return LEAF_AT_ENTRY; /* endbr64 begins a function */
  }
  if (at[0] == 0x5d && (at[1] == 0xc3 || at[1] == 0xe9 || at[1] == 0xeb || at[1] == 0xc2)) {
    return LEAF_RBP_PUSHED; /* pop %rbp; ret or a tail call */
  }
  if ((at[-1] == 0x5d || at[-1] == 0xc9) && (at[0] == 0xe9 || at[0] == 0xeb)) {
    return LEAF_AT_ENTRY; /* behind pop %rbp or leave: a tail call */
  }
  /* mov %rsp,%rbp ahead: at once, or with instructions between it and push %rbp. */
  for (u32 i = 0; i + 2 < LEAF_CODE_BYTES; i++) {
    if (at[i] == 0xc3 || at[i] == 0xe8) {
      break; /* a return or call comes first: that mov is another function's */
    }
    if (leaf_is_mov_rsp_rbp(at + i)) {
      if (at[0] == 0x55) {
        return LEAF_AT_ENTRY;
      }
      for (u32 back = 1; back <= LEAF_CODE_BYTES - 4; back++) {
        if (at[-(int)back] == 0x55) {
          return LEAF_RBP_PUSHED;
        }
        if (at[-(int)back] == 0xc3) {
          break;
        }
      }
      for (u32 between = 1; between < i; between++) {
        if (at[between] == 0x55) {
          return LEAF_AT_ENTRY; /* the push itself is still ahead */
        }
      }
      break;
    }
  }
  return LEAF_BY_RBP;
}

#endif
