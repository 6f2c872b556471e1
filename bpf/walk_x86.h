/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* x86-64: from one frame to the next. */
#ifndef STOKER_BPF_WALK_X86_H
#define STOKER_BPF_WALK_X86_H

#include "walk_row.h"
#include "walk_x86_registers.h"
#include "walk_x86_rules.h"

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
  if (row.rule == UNWIND_FRAME_POINTER) {
    result = walk_frame_pointer();
    if (result != WALK_GOES_ON) {
      return result;
    }
    row = __builtin_bit_cast(struct unwind_row, w->row);
  }

  u64 cfa;
  u32 drap = 0;
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
    if (row.offset == UNWIND_END_AT_START) {
      walk_take_as_exact(w);
    }
    return walk_cut(w, 0);
  } else if (row.rule == UNWIND_SIGNAL || row.rule == UNWIND_CONTEXT) {
    if (row.rule == UNWIND_SIGNAL) {
      walk_take_as_exact(w);
    }
    return (enum walk_result)walk_context();
  } else if (row.rule == UNWIND_JUMP) {
    return (enum walk_result)walk_jump();
  } else if (row.rule == UNWIND_GOROUTINE) {
    return (enum walk_result)walk_goroutine();
  } else {
    if (walk_rare_cfa() != 0) {
      return WALK_ENDS;
    }
    cfa = w->cfa;
    drap = row.rule == UNWIND_DRAP || row.rule == UNWIND_REG_DRAP;
  }
  if (cfa <= w->regs[REG_RSP] && row.rule != UNWIND_GO_SWITCH) {
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
  if (walk_restore_rbp(w, row.rbp, base) != 0) {
    return WALK_ENDS;
  }
  walk_remember(w, w->row, base);
  w->regs[REG_RSP] = cfa;
  w->pc = pc;
  walk_called(w);
  return pc == 0 ? walk_cut(w, 0) : WALK_GOES_ON;
}

/* Frames by the rules of nearly all rows, as far as they go. Changes nothing of a frame that it leaves to walk_step(). */
WALK_PART int walk_run(void) {
  struct walk *w = walk_state();
  if (!w) {
    return WALK_ENDS;
  }
  for (u32 i = 0; i < WALK_RUN; i++) {
    u64 row = walk_common_row(w);
    u64 cfa = 8 * (u64)((s64)row >> UNWIND_ROW_OFFSET);
    u32 rule = (u8)(row >> UNWIND_ROW_RULE);
    if (rule == UNWIND_RSP) {
      cfa += w->regs[REG_RSP];
    } else if (rule == UNWIND_RBP && (w->known >> REG_RBP & 1) != 0) {
      cfa += w->regs[REG_RBP];
    } else {
      return WALK_RARE;
    }
    u64 pc;
    if (cfa <= w->regs[REG_RSP] || walk_word(w, cfa - 8, &pc) != 0) {
      return WALK_RARE;
    }
    u32 slot = (u8)(row >> UNWIND_ROW_RBP);
    if (slot != UNWIND_SAME && walk_restore_rbp(w, slot, cfa) != 0) {
      return WALK_RARE;
    }
    walk_take_this(w);
    walk_remember(w, row, cfa);
    w->regs[REG_RSP] = cfa;
    w->pc = pc;
    walk_called(w);
    if (pc == 0) {
      return walk_cut(w, 0);
    }
  }
  return WALK_GOES_ON;
}

#endif
