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
 *   static void walk_take(struct walk *w, u64 frame)                   frame number w->taken, leaf first
 *
 * The larger parts are global functions that take numbers only and ask for the walk themselves: the verifier then looks
 * at each of them once (in any order of calls) instead of once for every path that leads to it (500,000 instructions,
 * five seconds at start), and kernels before 5.12 take no other kind.
 *
 * A helper call costs more than everything else in a frame (a read of user memory 100 ns, a hash lookup 45 ns), and
 * next comes every line of memory that the sample finds cold. So the stack is read in windows of WINDOW_SIZE, the
 * mapping of the frame before is tried first, a row is found with one lookup for its chunk and one for its block, which
 * is searched in place, and frames by the two rules of nearly all rows are walked in runs.
 */
#ifndef STOKER_BPF_WALK_H
#define STOKER_BPF_WALK_H

struct walk;
static struct walk *walk_state(void);
static void walk_take(struct walk *w, u64 frame);

#include "walk_rules.h"
#include "walk_state.h"

/* Frames in one call of walk_run(): as many as the verifier follows cheaply. */
enum { WALK_RUN = 8 };

WALK_INLINE void walk_take_this(struct walk *w) {
  walk_take(w, w->exact ? w->pc | FRAME_EXACT : w->pc);
  w->taken++;
}

/* The frame just taken was not reached by a call: its address is that of the next instruction after all. */
WALK_INLINE void walk_take_as_exact(struct walk *w) {
  if (!w->exact && w->taken != 0) {
    w->taken--;
    walk_take(w, w->pc | FRAME_EXACT);
    w->taken++;
  }
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
      w->row = walk_table_row(w, address);
      return WALK_GOES_ON;
    case MAP_FRAME_POINTER:
      w->row = walk_frame_pointer_row();
      return WALK_GOES_ON;
    case MAP_NONE:
      return walk_cut(w, STAT_cut_no_rule);
    default:
      return WALK_PENDING;
  }
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
    u64 address = w->exact ? w->pc : w->pc - 1;
    if (address < w->mapping.start || address >= w->mapping.end) {
      if (walk_find_mapping(address) != 0) {
        return WALK_RARE;
      }
    }
    if (w->mapping.kind != MAP_TABLE || w->taken >= MAX_USER_FRAMES) {
      return WALK_RARE;
    }
    u64 row = walk_table_row(w, address);
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

/* The whole stack, from registers by DWARF number (17, pc last) and the thread pointer. WALK_PENDING: the frames taken so far are not to be
 * used; else w->end tells how it ended. */
WALK_INLINE int walk_stack(struct walk *w, u32 pid, const u64 *registers, u64 thread_pointer) {
  w->thread_pointer = thread_pointer;
  for (u32 i = 0; i < REG_COUNT; i++) {
    w->regs[i] = registers[i];
  }
  w->pc = registers[REG_COUNT];
  w->known = 0xffff;
  w->pid = pid;
  w->exact = 1;
  w->taken = 0;
  w->saved_count = 0;
  w->mapping.start = 0;
  w->mapping.end = 0;
  w->window_size = 0;
  /* A plain loop: its body is calls of functions that the verifier looks at by themselves, so the rounds cost it little,
   * on every kernel. bpf_loop would want a callback, which kernels before 5.13 refuse to see at all. */
  for (u32 round = 0; round < MAX_USER_FRAMES; round++) {
    int result = walk_run();
    if (result == WALK_RARE && w->taken < MAX_USER_FRAMES) {
      result = walk_step();
    }
    if (result != WALK_GOES_ON) {
      if (result == WALK_RARE) {
        break;
      }
      return result;
    }
  }
  return walk_cut(w, STAT_cut_depth);
}

#endif
