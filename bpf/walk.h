/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The user stack, frame by frame, on unwind tables (bpf/shared/unwind_table.h): x86-64, or aarch64 with WALK_ARM64.
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

#if defined(WALK_ARM64)
#include "walk_arm64.h"
#else
#include "walk_x86.h"
#endif

/* The whole stack, from registers by DWARF number (REG_COUNT, then pc) and the thread pointer. generation: of the process's
 * mappings (map_block); those that the CPU's last walk found are tried first while it is the same. WALK_PENDING: the
 * frames taken so far are not to be used; else w->end tells how it ended. */
WALK_INLINE int walk_stack(struct walk *w, u32 pid, u32 generation, const u64 *registers,
                           u64 thread_pointer) {
  if (w->pid != pid || w->generation != generation) {
    w->pid = pid;
    w->generation = generation;
    w->mapping.start = w->mapping.end = 0;
    w->other.start = w->other.end = 0;
  }
  w->thread_pointer = thread_pointer;
  for (u32 i = 0; i < REG_COUNT; i++) {
    w->regs[i] = registers[i];
  }
  w->pc = registers[REG_COUNT];
  w->known = ~0u;
  w->exact = 1;
  w->taken = 0;
  w->saved_count = 0;
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
