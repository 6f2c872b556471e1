/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* The user stack, by frame pointers. */
#ifndef STOKER_BPF_USER_STACK_H
#define STOKER_BPF_USER_STACK_H

#include "task.h"

struct frame_walk {
  u32 room; /* frames that may be taken */
  u32 taken;
  u64 fp;
  u64 lowest; /* the caller's frame record lies above this */
  u8 end;     /* 0: at a root; else STAT_cut_… */
};

/* A frame record (System V ABI x86-64 §3.2.2, AAPCS64 §6.4.6): caller's frame pointer, return address.
 * Reads: fp. Writes: one frame, fp of the caller. Returns 1 at the end. */
static long frame_step(u32 index, struct frame_walk *walk) {
  if (walk->fp == 0) {
    return 1; /* the ABI's mark of the outermost frame */
  }
  if (walk->fp < walk->lowest || (walk->fp & 7) != 0) {
    walk->end = STAT_cut_frame_pointer;
    return 1;
  }
  struct {
    u64 fp;
    u64 return_address;
  } record;
  if (bpf_probe_read_user(&record, sizeof(record), (const void *)walk->fp) != 0) {
    walk->end = STAT_cut_unreadable;
    return 1;
  }
  if (record.return_address == 0) {
    return 1;
  }
  if (walk->taken >= walk->room) {
    walk->end = STAT_cut_depth;
    return 1;
  }
  struct scratch *scratch = bpf_map_lookup_elem(&scratches, &(u32){0});
  if (!scratch) {
    return 1;
  }
  scratch->frames[frame_slot(scratch->record.kernel_frames + walk->taken)] = record.return_address;
  walk->taken++;
  walk->lowest = walk->fp + sizeof(record);
  walk->fp = record.fp;
  return 0;
}

/* Appends the user frames behind the kernel's. Returns how the walk ended: 0 at a root, else STAT_cut_…. */
ALWAYS_INLINE u8 walk_user_stack(struct scratch *scratch, const struct user_registers *regs) {
  scratch->frames[frame_slot(scratch->record.kernel_frames)] = regs->pc | FRAME_EXACT;
  struct frame_walk walk = {.room = MAX_USER_FRAMES, .taken = 1, .fp = regs->fp, .lowest = regs->sp};
  if (bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_loop)) {
    bpf_loop(MAX_USER_FRAMES + 1, frame_step, &walk, 0);
  } else {
    for (u32 i = 0; i <= MAX_USER_FRAMES; i++) {
      if (frame_step(i, &walk) != 0) {
        break;
      }
    }
  }
  scratch->record.user_frames = walk.taken;
  return walk.end;
}

#endif
